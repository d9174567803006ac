//! Tests of the whole: one binary, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking, also in its helpers; those take what reads best at the call"
)]

mod cli_send;
mod cli_text;
mod console;
mod fake_daemon;
mod layering;
