//! What a start finds of the last process.
//!
//! Owns: the rule. What had begun ends as interrupted, even if the agent had finished, because nobody saw it; what waited
//! runs. Nothing runs twice.

use fleet_a2a::clock::now_ms;
use fleet_a2a::ext::{EndReason, Usage};
use fleet_a2a::types::Message;

use super::live::Progress;
use super::log::TurnLog;
use super::machine::End;
use super::message::{Incoming, Work};
use super::refused::Refused;
use super::work::WorkLoop;
use crate::store::{StoreError, TaskRow, TaskState};

/// Sweeps the orphans of this receiver, then settles every open task.
pub(crate) async fn recover(work: &mut WorkLoop) -> Result<(), StoreError> {
    work.shared.sweep(None).await;
    for row in work.shared.store.open_tasks().await? {
        match row.state {
            TaskState::Submitted => match read(work, &row).await? {
                Ok(job) => work.start(row, job),
                Err(refused) => {
                    let detail = format!("The stored message cannot be run: {refused}");
                    end(work, row, EndReason::AgentError, detail).await?;
                }
            },
            TaskState::Working | TaskState::InputRequired => {
                let detail = "The receiver stopped during the turn; the text so far is kept.";
                end(work, row, EndReason::Interrupted, detail.to_owned()).await?;
            }
            TaskState::Completed
            | TaskState::Failed
            | TaskState::Canceled
            | TaskState::Rejected => {}
        }
    }
    Ok(())
}

async fn read(work: &WorkLoop, row: &TaskRow) -> Result<Result<Work, Refused>, StoreError> {
    let stored = work.shared.store.messages(&row.id, 1).await?;
    let message: Result<Message, _> =
        serde_json::from_str(stored.first().map_or("", |m| m.as_str()));
    let message = message.map_err(|error| StoreError::Damaged {
        what: error.to_string(),
    })?;
    Ok(Incoming::read(message)
        .and_then(|incoming| Work::read(&incoming, work.shared.config.max_deadline_s)))
}

async fn end(
    work: &WorkLoop,
    row: TaskRow,
    reason: EndReason,
    detail: String,
) -> Result<(), StoreError> {
    let spent: Usage = row
        .usage_json
        .as_deref()
        .and_then(|json| serde_json::from_str(json).ok())
        // Only a task that never began has none.
        .unwrap_or_default();
    tracing::info!(task = %row.id, age_ms = now_ms() - row.accepted_at_ms, "ended a task of the last process");
    let (progress, _) = tokio::sync::watch::channel(Progress::of(&row));
    let mut log = TurnLog::new(work.shared.store.clone(), row.id, row.context_id, progress);
    let end = End {
        state: TaskState::Failed,
        reason: Some(reason),
        detail,
        refused: Vec::new(),
        reply: None,
    };
    let mut add = log.ending(&end, row.state, spent);
    // The usage in the end itself says it; a separate update would only repeat it.
    add.events.drain(..add.events.len().saturating_sub(1));
    log.commit(add).await
}
