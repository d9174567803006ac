//! The client against real HTTP.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "helpers of tests, where json! reads better in a call"
)]

mod attach;
mod calls;
mod peer;
