//! Entering and leaving the terminal.
//!
//! Owns: raw mode, the alternate screen and bracketed paste, and that they are undone on every way out: a return, an
//! error, a panic of any thread, a signal (the loop returns on those). No mouse capture, so that selecting and copying go
//! on working. Never sets a window title.

use std::io::{self, IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};

use crate::domain::{ErrorKind, Failure};

/// Whether there is something to undo: leaving twice must not clear a shell's screen.
static ENTERED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal is ours while this lives.
#[derive(Debug)]
pub(super) struct TerminalGuard(());

impl TerminalGuard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// A [`Failure`] of kind `usage` when standard input or output is none.
    pub(super) fn enter() -> Result<Self, Failure> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Err(no_terminal());
        }
        HOOK.call_once(install_panic_hook);
        ENTERED.store(true, Ordering::SeqCst);
        let guard = Self(());
        enable_raw_mode()
            .and_then(|()| {
                execute!(
                    io::stdout(),
                    EnterAlternateScreen,
                    EnableBracketedPaste,
                    cursor::Hide
                )
            })
            .map_err(|error| broken(&error))?;
        Ok(guard)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back; the second time does nothing. A dead terminal is no error: nobody is left to see it.
fn restore() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// Whether the terminal is still ours: a panic of any thread gives it back, and then nothing more may be drawn.
pub(super) fn is_ours() -> bool {
    ENTERED.load(Ordering::SeqCst)
}

/// The message of a panic must reach a screen that can show it.
fn install_panic_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        before(info);
    }));
}

/// Puts text on the clipboard by OSC 52, the only sequence of ours beside drawing. Terminals that do not know it ignore it.
pub(super) fn copy(text: &str) -> io::Result<()> {
    execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
}

/// Says one sentence on standard error, after the terminal was given back.
pub(super) fn say_goodbye(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

pub(super) fn no_terminal() -> Failure {
    Failure::new(
        ErrorKind::Usage,
        "The console needs a terminal, and standard input or output is none.",
        "Use `fleet status` or `fleet send PEER TEXT`; `fleet --help` lists all commands.",
    )
}

pub(super) fn broken(error: &io::Error) -> Failure {
    Failure::new(
        ErrorKind::Usage,
        format!("The terminal cannot be used: {error}."),
        "Use `fleet status` or `fleet send PEER TEXT` instead of the console.",
    )
}
