//! `fleet transcripts`: what was said.
//!
//! Owns: listing, and printing one transcript line by line, so that its size does not matter. How a line reads stands in
//! `render`.

mod render;

use serde_json::json;

use super::args::{GlobalArgs, TranscriptsArgs, TranscriptsCommand};
use super::session::{Session, dispatch_id, optional_peer, unexpected};
use super::table::Table;
use super::{CommandResult, exit, output, text};
use crate::control::{Answer, Command, TranscriptLine, TranscriptView};
use crate::domain::{Failure, SafeText};
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
    let from_start = Command::Follow {
        dispatch_id: dispatch_id(id)?,
        from_seq: 1,
        follow: false,
    };
    let mut lines = Session::open(global).await?.stream(from_start).await?;
    // Nothing is printed before the daemon has something, so that a wrong id gives an error alone.
    let mut answer = lines.next().await.transpose()?;
    let mut printer = Printer::open(global)?;
    let mut failure = None;
    while let Some(batch) = answer {
        match batch {
            Answer::Lines(batch) => printer.print(&batch)?,
            Answer::Notice(_) => {}
            other => failure = Some(unexpected(&other)),
        }
        answer = lines.next().await.transpose().unwrap_or_else(|error| {
            failure = Some(error);
            None
        });
    }
    printer.close(failure.as_ref())?;
    match failure {
        None => Ok(exit::DONE),
        Some(failure) => {
            output::failure(&failure);
            Ok(failure.kind.exit_code())
        }
    }
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
            Self::Words(mut render) => print_words(&render.rest().into_iter().collect::<Vec<_>>()),
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
