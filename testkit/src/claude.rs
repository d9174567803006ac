//! The Claude Code that tests drive.
//!
//! Owns: where it is, what is said when it is not there, and an environment in which it talks to nobody but the model server.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Where `.ci/install-claude` puts it, from the root of the project.
const INSTALLED: &str = ".tools/claude/node_modules/.bin/claude";
/// Names another one.
const OVERRIDE: &str = "FLEET_TEST_CLAUDE";
/// Said when it is not there; `.ci/run` looks for exactly this.
pub const SKIPPED: &str = "skipped: claude not installed";

/// The binary; or `None`, after saying [`SKIPPED`] past the capture of the test harness.
#[must_use]
pub fn or_skip() -> Option<PathBuf> {
    let found = binary();
    if found.is_none() {
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "{SKIPPED}");
    }
    found
}

/// The binary, if there is one: `FLEET_TEST_CLAUDE`, else what `.ci/install-claude` installed.
#[must_use]
pub fn binary() -> Option<PathBuf> {
    std::env::var_os(OVERRIDE)
        .map(PathBuf::from)
        .or_else(|| {
            Some(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .parent()?
                    .join(INSTALLED),
            )
        })
        .filter(|path| path.is_file())
}

/// An environment in which `binary` is found as `claude`, keeps everything below `home`, and asks the model server at `url`.
#[must_use]
pub fn env(binary: &Path, home: &Path, url: &str) -> Vec<(String, String)> {
    let mut env = env_without_login(binary, home);
    env.push(("ANTHROPIC_BASE_URL".to_owned(), url.to_owned()));
    env.push(("ANTHROPIC_API_KEY".to_owned(), "dummy".to_owned()));
    env
}

/// The same for somebody who has not logged in.
#[must_use]
pub fn env_without_login(binary: &Path, home: &Path) -> Vec<(String, String)> {
    let tools = binary.parent().unwrap_or(Path::new("/")).display();
    let quiet = [
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "DISABLE_AUTOUPDATER",
        "DISABLE_TELEMETRY",
        "DISABLE_ERROR_REPORTING",
    ];
    let mut env: Vec<(String, String)> = quiet
        .iter()
        .map(|name| ((*name).to_owned(), "1".to_owned()))
        .collect();
    env.push(("HOME".to_owned(), home.display().to_string()));
    env.push((
        "PATH".to_owned(),
        format!("{tools}:/usr/local/bin:/usr/bin:/bin"),
    ));
    env
}
