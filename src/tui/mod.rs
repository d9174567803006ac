//! The console: Elm in a terminal.
//!
//! | module | what it is |
//! |---|---|
//! | `run` | the loop: keys, news and frames; the only owner of the terminal |
//! | `terminal` | entering and leaving the terminal, on every way out |
//! | `keymap` | which key means what; help and footer are made from it |
//! | `model` | what the console knows, as plain data |
//! | `update` | `(model, message, now) -> effects`, pure |
//! | `effects` | runs effects against the daemon and brings the results back as messages |
//! | `views` | `(model, theme) -> frame`, nothing else |
//! | `widgets` | pieces that know ratatui and nothing of a fleet |
//!
//! Owns: what a person sees and presses. Does not own: any state of the fleet; that arrives as whole snapshots.

mod effects;
mod format;
mod frames;
mod keymap;
mod model;
mod msg;
mod run;
mod sweep;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod update;
mod views;
mod widgets;

pub use run::run;
