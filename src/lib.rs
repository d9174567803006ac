//! `fleet`: a terminal console that runs a fleet of coding agents over A2A (Agent2Agent).
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | the words and rules, as plain data and functions |
//! | [`config`] | fleet.toml |
//! | [`control`] | what clients and the daemon say to each other |
//! | [`daemon`] | the one process that owns a fleet's state |
//! | [`cli`] | one file per subcommand |
//! | [`telemetry`] | the log of a process, in a file |
//! | [`tui`] | the console |

pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod domain;
pub mod telemetry;
pub mod tui;
