//! Calls that run beside the stream: canceling, answering, and the search for a lost task.
//!
//! Owns: the futures and what is due. Does not own: when they are due.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

use fleet_a2a::client::{Client, ClientError, Delivery, Endpoint, ReturnWhen};
use fleet_a2a::contract::answer_message;
use fleet_a2a::ext::PermissionAnswer;
use fleet_a2a::types::{ListTasksRequest, SendMessageResponse, Task};
use fleet_a2a::{ContextId, MessageId, TaskId};
use tokio::time::Instant;

use crate::daemon::store::AnswerRow;
use crate::domain::DispatchState;

/// Pages of a peer's tasks that are searched: the task is among the newest.
const SEARCH_PAGES: usize = 3;
/// Tasks on a page, as many as the protocol allows.
const PAGE_SIZE: i32 = 100;
/// Messages of a task's history that are looked at: ours is its first or among its last.
const HISTORY: i32 = 20;

/// What a call came to.
pub(super) enum Called {
    Cancel(Box<Result<Task, ClientError>>),
    Answer(Box<(AnswerRow, Result<SendMessageResponse, ClientError>)>),
}

pub(super) type CallFuture = Pin<Box<dyn Future<Output = Called> + Send>>;

/// What is to be called as soon as the peer is at hand.
#[derive(Debug)]
pub(super) struct Due {
    /// From when on CancelTask is due; `None`: it is not, or it is under way.
    pub cancel_at: Option<Instant>,
    /// From when on the stored answers are looked at; `None`: there are none.
    pub answers_at: Option<Instant>,
    /// Message ids of answers under way.
    pub answering: HashSet<String>,
}

impl Due {
    /// Of a dispatch that is taken up in this state. One that was not sent yet has no answers; with another there may be
    /// some that were stored and not delivered when the last daemon ended.
    pub(super) fn of(state: DispatchState) -> Self {
        Self {
            cancel_at: None,
            answers_at: (state != DispatchState::Queued).then(Instant::now),
            answering: HashSet::new(),
        }
    }
}

pub(super) fn cancel(client: Client, endpoint: Endpoint, task: TaskId) -> CallFuture {
    Box::pin(async move {
        let canceled = client.cancel_task(&endpoint, &task).await;
        Called::Cancel(Box::new(canceled))
    })
}

/// An answer to a permission request; `None` when its ids cannot be sent.
pub(super) fn answer(
    client: Client,
    endpoint: Endpoint,
    task: &TaskId,
    row: AnswerRow,
) -> Option<CallFuture> {
    let answer = PermissionAnswer {
        request_id: row.request_id.clone(),
        decision: row.ruling.decision,
        reason: row.ruling.reason.clone(),
        answers: row.ruling.answers.clone(),
    };
    let message_id = MessageId::new(&row.message_id).ok()?;
    let no_context: Option<&ContextId> = None;
    let message = answer_message(task, no_context, &message_id, &answer);
    Some(Box::pin(async move {
        let sent = client.send(&endpoint, &message, ReturnWhen::Accepted).await;
        Called::Answer(Box::new((row, sent)))
    }))
}

/// What an answer's fate means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerFate {
    /// Delivered, or its request is over: it is not sent again.
    Settled,
    /// It did not arrive, or the peer keeps one answer for one message id: once more.
    Again,
    /// The peer does not take it, so its request waits for another.
    Refused,
}

pub(super) fn fate(
    sent: &Result<SendMessageResponse, ClientError>,
    idempotent: bool,
) -> AnswerFate {
    let Err(error) = sent else {
        return AnswerFate::Settled;
    };
    match error.delivery() {
        Delivery::NotAccepted => AnswerFate::Again,
        Delivery::PerhapsAccepted if idempotent => AnswerFate::Again,
        Delivery::Refused if error.is_invalid() => AnswerFate::Refused,
        Delivery::PerhapsAccepted | Delivery::Refused => AnswerFate::Settled,
    }
}

/// The task that holds our message, if the peer lists it.
pub(super) async fn find_task(
    client: &Client,
    endpoint: &Endpoint,
    context_id: Option<String>,
    message_id: &str,
) -> Option<String> {
    let mut request = ListTasksRequest {
        context_id,
        status: None,
        page_size: Some(PAGE_SIZE),
        page_token: None,
        history_length: Some(HISTORY),
        status_timestamp_after: None,
        include_artifacts: None,
        tenant: None,
    };
    for _ in 0..SEARCH_PAGES {
        let page = client.list_tasks(endpoint, &request).await.ok()?;
        let ours = |task: &&Task| {
            let history = task.history.iter().flatten();
            history
                .into_iter()
                .any(|message| message.message_id == message_id)
        };
        if let Some(task) = page.tasks.iter().find(ours) {
            return Some(task.id.clone());
        }
        if page.next_page_token.is_empty() {
            return None;
        }
        request.page_token = Some(page.next_page_token);
    }
    None
}
