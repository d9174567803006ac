//! `fleet trust`: shows what this fleet.toml would run, and accepts it; with a peer, the agent settings of its repo.
//!
//! Owns: asking the person, for both. An acceptance names the hash that was shown, so that what changes while the person
//! reads is not accepted. Does not own: what trust means, see [`crate::config`].

mod peer;

use std::io;

use serde::Serialize;

use super::args::{GlobalArgs, TrustArgs};
use super::session::{Session, peer_name, unexpected};
use super::{CommandResult, exit, json, output};
use crate::control::{Answer, Command, TrustView};
use crate::domain::{ErrorKind, Failure, SafeText};

/// Does `fleet trust`.
pub(crate) async fn execute(global: &GlobalArgs, args: &TrustArgs) -> CommandResult {
    let session = Session::open(global).await?;
    match &args.peer {
        Some(name) => peer::execute(global, args, &session, peer_name(name)?).await,
        None => {
            let ask = async |accept| trust(&session, accept).await;
            decide(global, args, declined(), ask).await
        }
    }
}

/// What a person may accept, as it stands.
trait Acceptable: Serialize {
    fn accepted(&self) -> bool;
    fn hash(&self) -> &str;
    fn words(&self) -> SafeText;
}

/// Shows what there is to accept, asks the person, and accepts what was shown.
async fn decide<View: Acceptable>(
    global: &GlobalArgs,
    args: &TrustArgs,
    declined: Failure,
    ask: impl AsyncFn(Option<String>) -> Result<View, Failure>,
) -> CommandResult {
    let mut view = ask(None).await?;
    if !global.json {
        output::text(&view.words())?;
    }
    if !view.accepted() {
        if !args.yes && !may_accept(global, &declined.remedy)? {
            return refuse(global, &view, declined);
        }
        view = ask(Some(view.hash().to_owned())).await?;
        if !view.accepted() {
            return refuse(global, &view, declined);
        }
        if !global.json {
            output::text(&SafeText::of("Accepted."))?;
        }
    }
    if global.json {
        output::json(&view)?;
    }
    Ok(exit::DONE)
}

/// With `--json`, what there is to accept and that it was not are one object.
fn refuse(global: &GlobalArgs, view: &impl Acceptable, declined: Failure) -> CommandResult {
    if !global.json {
        return Err(declined);
    }
    let mut object = json::to_value(view)?;
    object["error"] = json::to_value(&declined)?;
    output::json(&object)?;
    output::failure(&declined);
    Ok(declined.kind.exit_code())
}

async fn trust(session: &Session, accept: Option<String>) -> Result<TrustView, Failure> {
    match session.call(Command::Trust { accept }).await? {
        Answer::Trust(view) => Ok(*view),
        other => Err(unexpected(&other)),
    }
}

impl Acceptable for TrustView {
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

fn words(view: &TrustView) -> SafeText {
    let would = view.would.iter();
    let would: String = would
        .map(|line| format!("  {}\n", line.safe_line()))
        .collect();
    let verdict = if view.accepted {
        "It is accepted."
    } else {
        "It is not accepted yet: only echo peers start, and no other address is contacted."
    };
    SafeText::of(&format!("{} would\n{would}{verdict}", view.config))
}

/// Asks; only a person at a terminal can answer.
fn may_accept(global: &GlobalArgs, without_asking: &str) -> Result<bool, Failure> {
    if global.json || !output::can_ask() {
        return Ok(false);
    }
    output::ask(&SafeText::of("Accept this? [y/N]"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| {
        Failure::new(
            ErrorKind::Usage,
            format!("Your answer cannot be read: {error}."),
            without_asking,
        )
    })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn declined() -> Failure {
    Failure::new(
        ErrorKind::Untrusted,
        "This fleet.toml was not accepted.",
        "Read what it would run; then run fleet trust in a terminal and answer y, or fleet trust --yes.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_what_would_run_made_safe() {
        let view = TrustView {
            config: "/repo/fleet.toml".to_owned(),
            hash: "ab".to_owned(),
            accepted: false,
            would: vec!["run [\"./x\u{1b}[8m\"] for peer lint".into()],
        };
        insta::assert_snapshot!(words(&view), @r#"
        /repo/fleet.toml would
          run ["./x␛[8m"] for peer lint
        It is not accepted yet: only echo peers start, and no other address is contacted.
        "#);
    }
}
