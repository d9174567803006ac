//! Tests of the whole: one binary, so that it is linked once.

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
    reason = "processes are waited for in real time, and a seed is told to whoever reads a failure"
)]

mod budget;
mod canary;
mod claude;
mod cli_send;
mod cli_text;
mod completions;
mod console;
mod dice;
mod doctor;
mod fake_daemon;
mod fleet;
mod forged;
mod guard;
mod handover;
mod handshake;
mod idle;
mod init;
mod kill;
mod layering;
mod logs;
mod modes;
mod peers;
mod permissions;
mod questions;
mod rotation;
mod safety;
mod send;
mod service;
mod stop;
mod supervise;
mod terminal;
mod trust;
mod whole;
