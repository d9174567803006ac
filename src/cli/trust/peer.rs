//! `fleet trust PEER`: shows how the agent settings of a peer's repo changed, and accepts them.
//!
//! Owns: the words. Does not own: asking, nor what is watched.

use fleet_receivers::harness::ChangeKind;

use super::super::CommandResult;
use super::super::args::{GlobalArgs, TrustArgs};
use super::super::session::{Session, unexpected};
use super::{Acceptable, decide};
use crate::control::{Answer, ChangeView, Command, PeerTrustView};
use crate::domain::{ErrorKind, Failure, PeerName, SafeText};

/// Does `fleet trust PEER`.
pub(super) async fn execute(
    global: &GlobalArgs,
    args: &TrustArgs,
    session: &Session,
    peer: PeerName,
) -> CommandResult {
    let ask = async |accept| ask(session, &peer, accept).await;
    decide(global, args, declined(&peer), ask).await
}

impl Acceptable for PeerTrustView {
    fn accepted(&self) -> bool {
        self.accepted
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn words(&self) -> SafeText {
        words(self)
    }
}

async fn ask(
    session: &Session,
    peer: &PeerName,
    accept: Option<String>,
) -> Result<PeerTrustView, Failure> {
    let peer = peer.clone();
    match session.call(Command::TrustPeer { peer, accept }).await? {
        Answer::PeerTrust(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

fn words(view: &PeerTrustView) -> SafeText {
    let Some(reason) = &view.reason else {
        return SafeText::of(&format!(
            "The agent settings in {} are accepted.",
            view.repo
        ));
    };
    let mut out = format!("{}\n", reason.safe_line());
    for change in &view.changes {
        out.push_str(&words_of(change));
    }
    out.push_str(&format!(
        "Until they are accepted no turn of {} begins, whoever asks for it.",
        view.peer
    ));
    SafeText::of(&out)
}

fn words_of(change: &ChangeView) -> String {
    let what = match &change.kind {
        ChangeKind::New => "is new; it says".to_owned(),
        ChangeKind::Changed => "was changed; it says now".to_owned(),
        ChangeKind::Removed => "was removed".to_owned(),
        ChangeKind::Link { to } => {
            let to = SafeText::line_of(to);
            format!("is a link to {to}; what it leads to is not watched")
        }
        ChangeKind::Unwatched { what } => {
            let what = SafeText::line_of(what);
            format!("is not watched: {what}")
        }
    };
    let mut out = format!("\n{} {what}\n", change.path.safe_line());
    for line in change.now.safe().as_str().lines() {
        out.push_str(&format!("  | {line}\n"));
    }
    if change.cut {
        out.push_str("  | ... and more: read the file\n");
    }
    out
}

fn declined(peer: &PeerName) -> Failure {
    Failure::new(
        ErrorKind::Untrusted,
        format!("The agent settings of {peer} were not accepted."),
        format!(
            "Read what they say; then run fleet trust {peer} in a terminal and answer y, or fleet trust {peer} --yes."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, kind: ChangeKind, now: &str, cut: bool) -> ChangeView {
        ChangeView {
            path: path.into(),
            kind,
            now: now.into(),
            cut,
        }
    }

    #[test]
    fn it_shows_each_change_made_safe() {
        let to = "/etc/\u{1b}[2Jpasswd".to_owned();
        let view = PeerTrustView {
            peer: PeerName::new("app").unwrap(),
            repo: "/src/app".to_owned(),
            hash: "ab".to_owned(),
            accepted: false,
            reason: Some(
                "The agent settings in /src/app are not those that were accepted: a, b.".into(),
            ),
            changes: vec![
                change(
                    ".claude/settings.json",
                    ChangeKind::Changed,
                    "{\n \"hooks\": 1\u{1b}[8m\n}",
                    true,
                ),
                change(".mcp.json", ChangeKind::Removed, "", false),
                change(".claude/agents", ChangeKind::Link { to }, "", false),
            ],
        };
        insta::assert_snapshot!(words(&view), @r#"
        The agent settings in /src/app are not those that were accepted: a, b.

        .claude/settings.json was changed; it says now
          | {
          |  "hooks": 1␛[8m
          | }
          | ... and more: read the file

        .mcp.json was removed

        .claude/agents is a link to /etc/␛[2Jpasswd; what it leads to is not watched
        Until they are accepted no turn of app begins, whoever asks for it.
        "#);
    }
}
