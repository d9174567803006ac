//! Every command that changes something is written down, before it is done.
//!
//! Owns: which commands change something, and their words: ids and sizes, never a token or a contract's content. Does not
//! own: the rows.

use std::sync::Arc;

use fleet_a2a::clock;
use fleet_a2a::ext::Decision;

use crate::control::{Answer, AuditView, Command, SubmitRequest, Tokens};
use crate::daemon::commands::Scope;
use crate::daemon::connection::Ended;
use crate::daemon::core::Core;
use crate::daemon::store::{AuditClient, AuditEntry, AuditRow, Audited, outcome_word};
use crate::domain::{Cost, DispatchId, Failure, PeerName, PeerText, TopUp};

/// Longest words of one command, in characters: ids that came from outside are cut to it.
const MAX_CHARS: usize = 500;

/// Writes a command down, if it changes something. A dispatch is written down by the transaction that stores it.
///
/// # Errors
/// The store's: what cannot be written down is not done. Stopping the daemon is, because it may be what mends the store.
pub(super) async fn begin(
    command: &Command,
    client: &AuditClient,
    core: &Core,
) -> Result<Option<Arc<AuditEntry>>, Failure> {
    let Some(mut audited) = audited(command) else {
        return Ok(None);
    };
    if let Some(id) = dispatch_of(command) {
        audited.peers.extend(core.dispatch.peer_of(id).await);
    }
    let entry = entry(audited, client);
    if matches!(command, Command::Submit(_)) {
        return Ok(Some(entry));
    }
    match core.store.audit(&entry).await {
        Ok(()) => {}
        Err(error) if *command == Command::StopDaemon => {
            tracing::warn!(%error, "stopping the daemon could not be written down");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Some(entry))
}

/// Writes down that a file is accepted because a client named it.
///
/// # Errors
/// The store's.
pub(super) async fn named_file(
    hash: &str,
    client: &AuditClient,
    core: &Core,
) -> Result<Arc<AuditEntry>, Failure> {
    let audited = words(format!("trust {hash}, because --config named the file"));
    let entry = entry(audited, client);
    core.store.audit(&entry).await?;
    Ok(entry)
}

fn entry(mut audited: Audited, client: &AuditClient) -> Arc<AuditEntry> {
    audited.command = audited.command.chars().take(MAX_CHARS).collect();
    Arc::new(AuditEntry::new(client.clone(), audited, clock::now_ms()))
}

/// Writes down how it ended. What was done is done: an entry without an end says that nobody knows.
pub(super) async fn end(entry: Option<Arc<AuditEntry>>, done: &Result<(), Ended>, core: &Core) {
    let Some(entry) = entry else { return };
    let outcome = match done {
        Ok(()) => outcome_word(None),
        Err(Ended::Failed(failure)) => outcome_word(Some(failure)),
        Err(Ended::Gone) => "the client left".to_owned(),
    };
    let written = core.store.audit_end(&entry, &outcome, clock::now_ms());
    if let Err(error) = written.await {
        tracing::warn!(?entry, %error, "the end of a command could not be written down");
    }
}

/// What changes something, in words; a question is `None`. A new command does not compile until it is sorted here.
fn audited(command: &Command) -> Option<Audited> {
    Some(match command {
        Command::Submit(submit) => submitted(submit),
        Command::Cancel { dispatch_id } => words(format!("cancel {dispatch_id}")),
        Command::AnswerPermission {
            dispatch_id,
            request_id,
            decision,
            ..
        } => {
            let request = request_id.as_deref().unwrap_or("its only request");
            words(format!(
                "answer {} to {request} of {dispatch_id}",
                decision_word(*decision)
            ))
        }
        Command::Resolve { dispatch_id, state } => {
            words(format!("resolve {dispatch_id} as {}", state.word()))
        }
        Command::Deploy { peers, all } => receivers("deploy", peers, *all),
        Command::Start { peers, all } => receivers("start", peers, *all),
        Command::Restart {
            peers,
            all,
            tokens: Tokens::Keep,
        } => receivers("restart", peers, *all),
        Command::Restart {
            peers,
            all,
            tokens: Tokens::Rotate,
        } => receivers("restart with a new token", peers, *all),
        Command::Stop { peers, all } => receivers("stop", peers, *all),
        Command::TopUp { peer, amounts, .. } => {
            let amounts = amounts_words(amounts);
            about(peer, format!("top up the budget of {peer} by {amounts}"))
        }
        Command::ResetBudget { peer, .. } => about(peer, format!("reset the budget of {peer}")),
        Command::Trust { accept: Some(hash) } => words(format!("trust {hash}")),
        Command::TrustPeer {
            peer,
            accept: Some(hash),
        } => about(peer, format!("trust the agent settings of {peer}, {hash}")),
        Command::StopDaemon => words("stop the daemon".to_owned()),
        Command::HandOver => words("hand the fleet over to a newer daemon".to_owned()),
        Command::Snapshot { .. }
        | Command::Wait { .. }
        | Command::Show { .. }
        | Command::List { .. }
        | Command::Follow { .. }
        | Command::Status
        | Command::Budgets { .. }
        | Command::Audit { .. }
        | Command::Transcripts { .. }
        | Command::Trust { accept: None }
        | Command::TrustPeer { accept: None, .. } => return None,
    })
}

/// The dispatch that a command changes, whose peer is looked up.
fn dispatch_of(command: &Command) -> Option<DispatchId> {
    match command {
        Command::Cancel { dispatch_id }
        | Command::AnswerPermission { dispatch_id, .. }
        | Command::Resolve { dispatch_id, .. } => Some(*dispatch_id),
        Command::Submit(_)
        | Command::Deploy { .. }
        | Command::Start { .. }
        | Command::Restart { .. }
        | Command::Stop { .. }
        | Command::TopUp { .. }
        | Command::ResetBudget { .. }
        | Command::Trust { .. }
        | Command::TrustPeer { .. }
        | Command::StopDaemon
        | Command::HandOver
        | Command::Snapshot { .. }
        | Command::Wait { .. }
        | Command::Show { .. }
        | Command::List { .. }
        | Command::Follow { .. }
        | Command::Status
        | Command::Budgets { .. }
        | Command::Audit { .. }
        | Command::Transcripts { .. } => None,
    }
}

fn words(command: String) -> Audited {
    Audited {
        command,
        peers: Vec::new(),
        all: false,
    }
}

fn about(peer: &PeerName, command: String) -> Audited {
    Audited {
        peers: vec![peer.clone()],
        ..words(command)
    }
}

fn submitted(submit: &SubmitRequest) -> Audited {
    let bytes = submit.contract.to_string().len();
    let context = submit.context_id.as_ref();
    let context = context.map_or_else(String::new, |id| format!(", on context {id}"));
    let again = if submit.again { ", again" } else { "" };
    Audited {
        // What cannot name a peer is refused in a moment.
        peers: PeerName::new(submit.peer.clone()).into_iter().collect(),
        ..words(format!(
            "submit {} to {}, a contract of {bytes} bytes{again}{context}",
            submit.dispatch_id, submit.peer
        ))
    }
}

fn receivers(verb: &str, peers: &[PeerName], all: bool) -> Audited {
    let names: Vec<&str> = peers.iter().map(PeerName::as_str).collect();
    let whom = if all {
        "every receiver".to_owned()
    } else {
        names.join(", ")
    };
    Audited {
        command: format!("{verb} {whom}"),
        peers: peers.to_vec(),
        all,
    }
}

fn amounts_words(amounts: &TopUp) -> String {
    let figures = [
        amounts.tokens.map(|tokens| format!("{tokens} tokens")),
        amounts.turns.map(|turns| format!("{turns} turns")),
        amounts.cost.map(|cost: Cost| format!("${cost}")),
    ];
    figures.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Always => "always",
    }
}

/// Answers with what was done, newest first.
pub(super) async fn list(peer: Option<PeerName>, limit: u32, at: &Scope<'_>) -> Result<(), Ended> {
    let rows = at.core.store.audited(peer.as_ref(), limit).await;
    let rows = rows.map_err(Failure::from)?;
    let views = rows.into_iter().map(view).collect();
    at.reply.send(Answer::Audit(views)).await
}

fn view(row: AuditRow) -> AuditView {
    let (outcome, ended_at_ms) = row.outcome.unzip();
    AuditView {
        entry: row.entry_id,
        at: clock::rfc3339(row.at_ms),
        uid: row.uid,
        pid: row.pid,
        client: row.client,
        version: PeerText::new(row.version),
        command: PeerText::new(row.command),
        outcome,
        ended_at: ended_at_ms.map(clock::rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_a_contract_nor_a_reason_is_written_down() {
        let id = DispatchId::mint();
        let submit = Command::Submit(SubmitRequest {
            dispatch_id: id,
            peer: "app".to_owned(),
            contract: json!({"instruction": "SECRET", "context": "SECRET"}),
            context_id: Some("c".to_owned()),
            again: true,
        });
        let said = audited(&submit).unwrap();
        assert_eq!(
            said.command,
            format!("submit {id} to app, a contract of 43 bytes, again, on context c")
        );
        assert_eq!(said.peers, ["app".parse().unwrap()]);
        let deny = Command::AnswerPermission {
            dispatch_id: id,
            request_id: None,
            decision: Decision::Deny,
            reason: Some("SECRET".to_owned()),
            answers: Vec::new(),
        };
        let said = audited(&deny).unwrap().command;
        assert_eq!(said, format!("answer deny to its only request of {id}"));
    }

    #[test]
    fn amounts_and_receivers_in_words() {
        let peer: PeerName = "app".parse().unwrap();
        let top_up = Command::TopUp {
            command_id: crate::domain::CommandId::mint(),
            peer: peer.clone(),
            amounts: TopUp {
                tokens: Some(5_000),
                turns: None,
                cost: Some(Cost(2_500_000)),
            },
        };
        let said = audited(&top_up).unwrap();
        assert_eq!(
            said.command,
            "top up the budget of app by 5000 tokens, $2.50"
        );
        let all = Command::Stop {
            peers: Vec::new(),
            all: true,
        };
        assert_eq!(audited(&all).unwrap().command, "stop every receiver");
        assert!(audited(&Command::Trust { accept: None }).is_none());
    }
}
