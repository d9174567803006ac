//! `fleet transcripts`: what was said.
//!
//! Owns: listing, and printing one transcript line by line, so that its size does not matter. How a line reads stands in
//! `render`.

mod render;

use serde_json::json;

use super::args::{GlobalArgs, TranscriptsArgs, TranscriptsCommand};
use super::session::{Session, dispatch_id, newest, optional_peer, unexpected};
use super::table::Table;
use super::{CommandResult, exit, output, text};
use crate::control::{Answer, Command, TranscriptLine, TranscriptView};
use crate::domain::{DispatchId, Failure, SafeText};
use render::Render;

/// Does `fleet transcripts`.
pub(crate) async fn execute(global: &GlobalArgs, args: TranscriptsArgs) -> CommandResult {
    match args
        .command
        .unwrap_or(TranscriptsCommand::List { peer: None })
    {
        TranscriptsCommand::List { peer } => list(global, peer.as_deref()).await,
        TranscriptsCommand::Show { id } => show(global, &id).await,
    }
}

async fn list(global: &GlobalArgs, peer: Option<&str>) -> CommandResult {
    let command = Command::Transcripts {
        peer: optional_peer(peer)?,
    };
    let views = match Session::open(global).await?.call(command).await? {
        Answer::Transcripts(views) => views,
        other => return Err(unexpected(&other)),
    };
    if global.json {
        output::json(&json!({ "transcripts": views }))?;
    } else if views.is_empty() {
        output::text(&SafeText::of(
            "No transcripts. They are written as you send.",
        ))?;
    } else {
        output::text(&table(&views))?;
    }
    Ok(exit::DONE)
}

fn table(views: &[TranscriptView]) -> SafeText {
    let mut table = Table::new(&[
        "PEER", "ORIGIN", "CONTEXT", "LINES", "BYTES", "CHANGED", "FILE",
    ]);
    for view in views {
        table.row([
            view.peer.to_string(),
            view.origin.clone(),
            view.context_id.clone(),
            text::grouped(view.lines),
            text::grouped(view.bytes),
            view.updated_at.clone(),
            view.path.clone(),
        ]);
    }
    table.render()
}

async fn show(global: &GlobalArgs, id: &str) -> CommandResult {
    let session = Session::open(global).await?;
    let mut printer = None;
    let mut failure = None;
    for dispatch_id in meant(&session, id).await? {
        if let Err(error) = print(global, &session, dispatch_id, &mut printer).await {
            failure = Some(error);
            break;
        }
    }
    // Nothing is printed before the daemon has something, so that a wrong id gives an error alone.
    match (printer, failure) {
        (Some(printer), failure) => {
            printer.close(failure.as_ref())?;
            match failure {
                None => Ok(exit::DONE),
                Some(failure) => {
                    output::failure(&failure);
                    Ok(failure.kind.exit_code())
                }
            }
        }
        (None, Some(failure)) => Err(failure),
        (None, None) => {
            Printer::open(global)?.close(None)?;
            Ok(exit::DONE)
        }
    }
}

/// The dispatches whose lines are wanted: those of a context, oldest first, else the one that the id names.
async fn meant(session: &Session, id: &str) -> Result<Vec<DispatchId>, Failure> {
    let mut of_context: Vec<DispatchId> = newest(session)
        .await?
        .into_iter()
        .filter(|view| view.context_id == id)
        .map(|view| view.dispatch_id)
        .collect();
    of_context.reverse();
    if of_context.is_empty() {
        of_context.push(dispatch_id(session, id).await?);
    }
    Ok(of_context)
}

async fn print(
    global: &GlobalArgs,
    session: &Session,
    dispatch_id: DispatchId,
    printer: &mut Option<Printer>,
) -> Result<(), Failure> {
    let from_start = Command::Follow {
        dispatch_id,
        from_seq: 1,
        follow: false,
    };
    let mut lines = session.stream(from_start).await?;
    while let Some(answer) = lines.next().await {
        match answer? {
            Answer::Lines(batch) => {
                if printer.is_none() {
                    *printer = Some(Printer::open(global)?);
                }
                if let Some(printer) = printer.as_mut() {
                    printer.print(&batch)?;
                }
            }
            Answer::Notice(_) => {}
            other => return Err(unexpected(&other)),
        }
    }
    Ok(())
}

/// Where the lines go.
#[derive(Debug)]
enum Printer {
    Words(Render),
    Json(output::JsonList),
}

impl Printer {
    fn open(global: &GlobalArgs) -> Result<Self, Failure> {
        if global.json {
            output::JsonList::open("lines").map(Self::Json)
        } else {
            Ok(Self::Words(Render::default()))
        }
    }

    fn print(&mut self, lines: &[TranscriptLine]) -> Result<(), Failure> {
        match self {
            Self::Words(render) => print_words(
                &lines
                    .iter()
                    .flat_map(|line| render.line(line))
                    .collect::<Vec<_>>(),
            ),
            Self::Json(list) => lines.iter().try_for_each(|line| list.push(line)),
        }
    }

    fn close(self, failure: Option<&Failure>) -> Result<(), Failure> {
        match self {
            Self::Words(mut render) => print_words(&render.rest()),
            Self::Json(list) => list.close(failure),
        }
    }
}

fn print_words(texts: &[SafeText]) -> Result<(), Failure> {
    texts.iter().try_for_each(output::text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PeerName;

    #[test]
    fn the_table() {
        let view = TranscriptView {
            peer: PeerName::new("echo").unwrap(),
            origin: "out".to_owned(),
            context_id: "c\u{1b}1".to_owned(),
            path: "/t/main/echo/out/c1.jsonl".to_owned(),
            bytes: 12_345,
            lines: 17,
            updated_at: "2025-11-21T08:00:01.000Z".to_owned(),
        };
        insta::assert_snapshot!(table(&[view]), @r"
        PEER  ORIGIN  CONTEXT  LINES  BYTES   CHANGED                   FILE
        echo  out     c␛1      17     12,345  2025-11-21T08:00:01.000Z  /t/main/echo/out/c1.jsonl
        ");
    }
}
