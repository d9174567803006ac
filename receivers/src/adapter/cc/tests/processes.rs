//! What the tests see of a scene's processes.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use super::scene::{BOUND, Scene};
use crate::adapter::{AdapterEvent, SessionState};

/// Root is harmless here.
pub(super) const SANDBOX: [(&str, &str); 1] = [("IS_SANDBOX", "1")];

/// The environments and command lines of all processes that bear this receiver's marker.
pub(super) fn bearers(scene: &Scene) -> Vec<(i32, String)> {
    let marker = format!("FLEET_TURN={}/", scene.config.receiver_id);
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environ).contains(&marker) {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

/// The Claude Code processes of a scene.
pub(super) fn leaders(scene: &Scene) -> Vec<i32> {
    let all = bearers(scene).into_iter();
    all.filter(|(_, line)| line.contains("--permission-prompt-tool"))
        .map(|(pid, _)| pid)
        .collect()
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    timeout(BOUND, async {
        while !holds() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{what}"));
}

pub(super) fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

pub(super) fn known(events: &[AdapterEvent]) -> SessionState {
    let AdapterEvent::Session(id) = &events[0] else {
        panic!("{events:?}")
    };
    SessionState::Known(id.clone())
}
