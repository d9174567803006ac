//! The only place of the command line that prints.
//!
//! Owns: standard output and standard error. Everything printed was cleaned before ([`SafeText`], or the escaping of
//! `json`). A closed standard output ends a command quietly. Does not own: what is said.

use std::io::{self, ErrorKind as IoErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::json;
use crate::domain::{ErrorKind, Failure, SafeText};

/// Prints text on standard output, with a newline at its end if it has none.
///
/// # Errors
/// [`Failure`] when standard output takes no more for another reason than that its reader has gone.
pub(crate) fn text(text: &SafeText) -> Result<(), Failure> {
    let newline = if text.as_str().ends_with('\n') {
        ""
    } else {
        "\n"
    };
    to_stdout(&format!("{text}{newline}"))
}

/// Prints one JSON value on a line of standard output.
///
/// # Errors
/// As [`text`].
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    to_stdout(&format!("{}\n", json::line(value)?))
}

/// Prints a list that need not fit in memory as one JSON object, piece by piece.
#[derive(Debug)]
pub(crate) struct JsonList {
    separator: &'static str,
}

impl JsonList {
    /// Opens `{"<key>":[`.
    pub(crate) fn open(key: &str) -> Result<Self, Failure> {
        to_stdout(&format!("{{\"{key}\":["))?;
        Ok(Self { separator: "\n" })
    }

    /// Prints one element.
    pub(crate) fn push(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        to_stdout(&format!("{}{}", self.separator, json::line(value)?))?;
        self.separator = ",\n";
        Ok(())
    }

    /// Closes the list; with a failure, says in the object why it is not whole.
    pub(crate) fn close(self, failure: Option<&Failure>) -> Result<(), Failure> {
        match failure {
            None => to_stdout("]}\n"),
            Some(failure) => to_stdout(&format!("],\"error\":{}}}\n", json::line(failure)?)),
        }
    }
}

/// Tells the person something, on standard error. Progress is no result, so it is lost quietly where nobody listens.
pub(crate) fn note(text: &SafeText) {
    let mut stderr = io::stderr().lock();
    let _nobody_listens = writeln!(stderr, "{text}");
}

/// Asks the person something, on standard error, without a newline.
pub(crate) fn ask(text: &SafeText) {
    let mut stderr = io::stderr().lock();
    let _nobody_listens = write!(stderr, "{text} ").and_then(|()| stderr.flush());
}

/// Tells the person what went wrong and what mends it, on standard error.
pub(crate) fn failure(failure: &Failure) {
    note(&failure_text(failure));
}

/// The two lines of a failure.
pub(crate) fn failure_text(failure: &Failure) -> SafeText {
    let remedy = if failure.remedy.is_empty() {
        String::new()
    } else {
        format!("\n  try: {}", failure.remedy)
    };
    SafeText::of(&format!("error: {}{remedy}", failure.message))
}

/// Whether a person can be asked: both ends are a terminal.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether anybody still reads standard output: a command that goes on for ever ends when nobody does.
pub(crate) fn is_heard() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut ask = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut ask, Some(&at_once)) {
        Ok(0) | Err(_) => true,
        Ok(_) => !ask[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL),
    }
}

fn to_stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == IoErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            ErrorKind::Internal,
            format!("Standard output takes no more: {error}."),
            "Look at the disk or the program that standard output goes to.",
        )),
    }
}
