//! The receiver as its callers meet it: a real server on a real port, over a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "helpers of tests are test code too; a failed one is a failed test"
)]

mod guard;
mod harness;
mod hostile;
mod lifecycle;
mod scripted;
mod streams;
mod tasks;
mod turns;
mod warm;
