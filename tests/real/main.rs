//! What is promised of the `cc` mode, proven with the real Claude Code. These tests take minutes, so `cargo test` only
//! names them; `.ci/run` runs them: `cargo test --test real -- --ignored --test-threads=1 --nocapture`.
//!
//! Where Claude Code is not installed they fail: nothing here is ever skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking, also in its helpers; those take what reads best at the call"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "processes are waited for in real time, and what a long run does is told to whoever watches it"
)]

mod coding;
mod cycles;
#[path = "../it/dice.rs"]
#[allow(dead_code, reason = "shared with the fast tests, which use all of it")]
mod dice;
#[path = "../it/fleet.rs"]
#[allow(dead_code, reason = "shared with the fast tests, which use all of it")]
mod fleet;
mod matrix;
mod scene;
#[path = "../it/terminal.rs"]
#[allow(dead_code, reason = "shared with the fast tests, which use all of it")]
mod terminal;
