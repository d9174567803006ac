//! The cc adapter over recorded lines, over any lines, and with the real Claude Code.

mod failures;
#[cfg(target_os = "linux")]
mod leftovers;
#[cfg(target_os = "linux")]
mod processes;
mod questions;
mod real;
mod recorded;
#[cfg(target_os = "linux")]
mod said;
mod scene;
#[cfg(target_os = "linux")]
mod warm;

use std::path::Path;

use fleet_a2a::TaskId;

use crate::config::ReceiverConfig;

/// A receiver of its own for each test.
pub(in crate::adapter::cc) fn config(repo: &Path) -> ReceiverConfig {
    let text = format!(
        "fleet = \"t\"\npeer = \"p\"\nreceiver_id = \"cc-{}\"\nmode = \"cc\"\nrepo = {repo:?}\nbind = \"127.0.0.1:0\"\n",
        TaskId::mint()
    );
    toml::from_str(&text).unwrap()
}
