//! `fleet dispatches`: looks at dispatches and decides about them.
//!
//! Owns: listing and showing. The verbs that change or wait stand in files of their own.

mod answer;
mod cancel;
mod choose;
mod resolve;
mod wait;

use serde_json::json;

use super::args::{DispatchesArgs, DispatchesCommand, GlobalArgs, IdArgs, ListArgs};
use super::session::{Session, dispatch_id, optional_peer, unexpected};
use super::table::Table;
use super::{CommandResult, exit, json, output, text};
use crate::control::{Answer, Command, DispatchView};
use crate::domain::{Failure, SafeText};

/// Instructions in a list are cut to this; `show` has them whole.
const MAX_INSTRUCTION_CHARS: usize = 40;
/// What `dispatches` alone lists.
const NEWEST: ListArgs = ListArgs {
    peer: None,
    limit: 50,
};

/// Does `fleet dispatches`.
pub(crate) async fn execute(global: &GlobalArgs, args: DispatchesArgs) -> CommandResult {
    match args.command.unwrap_or(DispatchesCommand::List(NEWEST)) {
        DispatchesCommand::List(args) => list(global, &args).await,
        DispatchesCommand::Show(args) => {
            let shown = show(global, &args).await;
            one(global, &args.id, shown)
        }
        DispatchesCommand::Wait(args) => wait::execute(global, &args).await,
        DispatchesCommand::Cancel(args) => {
            let canceled = cancel::execute(global, &args).await;
            one(global, &args.id, canceled)
        }
        DispatchesCommand::Answer(args) => {
            let answered = answer::execute(global, &args).await;
            one(global, &args.id, answered)
        }
        DispatchesCommand::Resolve(args) => {
            let resolved = resolve::execute(global, &args).await;
            one(global, &args.id, resolved)
        }
    }
}

/// A command about one dispatch prints its object also where it failed.
fn one(global: &GlobalArgs, id: &str, done: Result<(), Failure>) -> CommandResult {
    match done {
        Ok(()) => Ok(exit::DONE),
        Err(failure) => {
            if global.json {
                output::json(&json::refused_dispatch(Some(id), None, &failure))?;
            }
            output::failure(&failure);
            Ok(failure.kind.exit_code())
        }
    }
}

async fn list(global: &GlobalArgs, args: &ListArgs) -> CommandResult {
    let command = Command::List {
        peer: optional_peer(args.peer.as_deref())?,
        limit: args.limit,
    };
    let views = match Session::open(global).await?.call(command).await? {
        Answer::Dispatches(views) => views,
        other => return Err(unexpected(&other)),
    };
    if global.json {
        let objects = views
            .iter()
            .map(json::dispatch)
            .collect::<Result<Vec<_>, _>>()?;
        output::json(&json!({ "dispatches": objects }))?;
    } else if views.is_empty() {
        output::text(&SafeText::of(
            "No dispatches. Send one: fleet send PEER \"what to do\"",
        ))?;
    } else {
        output::text(&table(&views))?;
    }
    Ok(exit::DONE)
}

async fn show(global: &GlobalArgs, args: &IdArgs) -> Result<(), Failure> {
    let session = Session::open(global).await?;
    let dispatch_id = dispatch_id(&session, &args.id).await?;
    let view = session.dispatch(Command::Show { dispatch_id }).await?;
    if global.json {
        output::json(&json::dispatch(&view)?)
    } else {
        output::text(&text::dispatch(&view))
    }
}

/// Prints a dispatch after a command changed it: the object, or in words what came of the command.
fn changed(global: &GlobalArgs, view: &DispatchView, words: &str) -> Result<(), Failure> {
    if global.json {
        output::json(&json::dispatch(view)?)
    } else {
        output::text(&SafeText::line_of(&format!(
            "{}: {words}.",
            view.dispatch_id
        )))
    }
}

/// Dispatches, one a line.
pub(crate) fn table(views: &[DispatchView]) -> SafeText {
    let mut table = Table::new(&[
        "DISPATCH",
        "PEER",
        "STATE",
        "ACCEPTED",
        "TOOK",
        "INSTRUCTION",
    ]);
    for view in views {
        let instruction = view.detail.instruction.safe_line();
        table.row([
            view.dispatch_id.to_string(),
            view.peer.to_string(),
            text::outcome(view),
            view.detail.accepted_at.clone(),
            text::elapsed(view.elapsed_ms),
            text::shortened(instruction.as_str(), MAX_INSTRUCTION_CHARS),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use crate::cli::samples;

    #[test]
    fn the_table() {
        let mut long = samples::asking();
        long.detail.instruction = format!("first\nline {}", "x".repeat(40)).into();
        insta::assert_snapshot!(super::table(&[samples::completed(), long]));
    }
}
