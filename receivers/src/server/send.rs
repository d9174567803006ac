//! Sending a message, for both bindings.
//!
//! Owns: reading the request, and when a blocking call returns.

use fleet_a2a::TaskId;
use fleet_a2a::normalise::inbound_send_request;
use fleet_a2a::rpc::{Fault, FaultKind};
use fleet_a2a::types::SendMessageRequest;
use serde_json::{Value, json};

use super::App;
use super::reply::Failed;
use crate::registry::{Detail, Subscription};

/// Reads the params of a send.
pub(super) fn request(params: Value) -> Result<SendMessageRequest, Failed> {
    let request =
        inbound_send_request(params).map_err(|violations| Fault::invalid_params(&violations))?;
    let configuration = request.configuration.as_ref();
    if configuration.is_some_and(|c| c.task_push_notification_config.is_some()) {
        return Err(push_not_supported().into());
    }
    Ok(request)
}

/// -32003.
pub(super) fn push_not_supported() -> Fault {
    let text = "push notifications are not supported; stream, subscribe, or ask for the task";
    Fault::new(FaultKind::PushNotSupported, text)
}

/// Takes the message; waits until its task has ended or waits for a person, unless the caller wants the answer at once.
pub(super) async fn send(app: &App, request: SendMessageRequest) -> Result<Value, Failed> {
    let configuration =
        request
            .configuration
            .unwrap_or(fleet_a2a::types::SendMessageConfiguration {
                accepted_output_modes: None,
                task_push_notification_config: None,
                history_length: None,
                return_immediately: None,
            });
    let history = configuration
        .history_length
        .map(|n| u32::try_from(n).unwrap_or(0));
    let task: TaskId = app.registry.send(request.message).await?;
    if configuration.return_immediately != Some(true) {
        app.registry.settled(&task).await;
    }
    let task = app.registry.task(&task, Detail::full(history)).await?;
    Ok(json!({ "task": task }))
}

/// Takes the message and follows its task: its first frame is the task.
pub(super) async fn stream(app: &App, request: SendMessageRequest) -> Result<Subscription, Failed> {
    Ok(app.registry.send_and_follow(request.message).await?)
}
