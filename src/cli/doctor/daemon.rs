//! The check of the daemon: whether one runs, and whether it is of this version. None is started.

use super::check::Check;
use crate::control::{Answer, Command, ControlHandle, StatusView, Target};
use crate::domain::Failure;

const ABOUT: &str = "daemon";

/// The checks, and what the daemon knows of its peers.
pub(super) async fn checks(target: &Target) -> (Vec<Check>, Option<StatusView>) {
    match ask(target).await {
        Ok(None) => {
            let text =
                "None runs; it starts when a command needs it. What only it knows is not checked.";
            (vec![Check::unchecked(ABOUT, "daemon", text)], None)
        }
        Ok(Some(status)) => (
            vec![judge(&status, env!("CARGO_PKG_VERSION"))],
            Some(status),
        ),
        Err(failure) => (vec![Check::of_failure(ABOUT, "daemon", &failure)], None),
    }
}

async fn ask(target: &Target) -> Result<Option<StatusView>, Failure> {
    let Some(handle) = ControlHandle::connect_running(target).await? else {
        return Ok(None);
    };
    match handle.call(Command::Status).await? {
        Answer::Status(status) => Ok(Some(*status)),
        other => Err(super::super::session::unexpected(&other)),
    }
}

fn judge(status: &StatusView, ours: &str) -> Check {
    let daemon = &status.daemon;
    let version = daemon.version.as_deref().unwrap_or("of an unknown version");
    let pid = daemon
        .pid
        .map_or_else(String::new, |pid| format!(" as process {pid}"));
    let text = format!("fleet {version} runs{pid} for {}.", daemon.config);
    if version == ours {
        return Check::ok(ABOUT, "daemon", text);
    }
    let text = format!("{text} This command is fleet {ours}.");
    Check::warning(ABOUT, "daemon", text).fix("fleet daemon stop")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::check::Report;
    use crate::cli::samples;

    #[test]
    fn another_version_is_told() {
        let status = samples::status();
        let checks = ["0.1.0", "0.2.0"].map(|ours| judge(&status, ours)).to_vec();
        insta::assert_snapshot!(Report::new(checks).words(), @r"
        daemon
          ✓ fleet 0.1.0 runs as process 4711 for /home/me/fleet.toml.
          ! fleet 0.1.0 runs as process 4711 for /home/me/fleet.toml. This command is fleet 0.2.0.
              try: fleet daemon stop
        1 warning.
        ");
    }
}
