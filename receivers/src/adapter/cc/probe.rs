//! Whether Claude Code can work, found without a turn.
//!
//! Owns: the questions to the program and what their answers mean.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::{INSTALL_REMEDY, LOGIN_REMEDY, OLDEST_VERSION, PROGRAM, UPDATE_REMEDY};
use crate::adapter::versions::{is_older, version_in};
use crate::adapter::{Readiness, ReadinessState};
use crate::child::{self, ChildEnv, Spawner};

/// For one question; measured 0.1 to 0.3 s, and a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// Variables that are a login, or choose a provider that has its own.
const LOGIN_VARIABLES: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
];

/// Asks for the version, then for the login.
pub(super) async fn probe(spawner: &Spawner) -> Readiness {
    if spawner.find(PROGRAM).is_none() {
        let detail = format!("{PROGRAM} is not on the PATH that the receiver was deployed with");
        return Readiness {
            version: None,
            state: missing(detail),
        };
    }
    let (version, login) = tokio::join!(
        ask(spawner, &["--version"]),
        ask(spawner, &["auth", "status", "--json"])
    );
    let Some(version) = version.as_deref().and_then(version_in) else {
        let detail = format!("{PROGRAM} is there and does not tell its version");
        return Readiness {
            version: None,
            state: missing(detail),
        };
    };
    let state = if is_older(&version, OLDEST_VERSION) {
        outdated(&version)
    } else if logged_in(login.as_deref(), spawner.env()) {
        ReadinessState::Ready
    } else {
        ReadinessState::Unauthenticated {
            detail: "Claude Code is not logged in".to_owned(),
            remedy: LOGIN_REMEDY.to_owned(),
        }
    };
    Readiness {
        version: Some(version),
        state,
    }
}

fn missing(detail: String) -> ReadinessState {
    ReadinessState::Missing {
        detail,
        remedy: INSTALL_REMEDY.to_owned(),
    }
}

fn outdated(version: &str) -> ReadinessState {
    ReadinessState::Outdated {
        detail: format!(
            "Claude Code {version} is too old; this fleet drives {OLDEST_VERSION} and newer"
        ),
        remedy: UPDATE_REMEDY.to_owned(),
    }
}

/// What the program prints. `None` when it cannot be started or takes too long.
async fn ask(spawner: &Spawner, question: &[&str]) -> Option<String> {
    let argv: Vec<String> = std::iter::once(PROGRAM)
        .chain(question.iter().copied())
        .map(str::to_owned)
        .collect();
    let said = child::ask(spawner, &argv, PATIENCE).await.ok()?;
    Some(said.stdout)
}

/// What the program says itself; versions that cannot say it are judged by what they would look for.
fn logged_in(answer: Option<&str>, env: &ChildEnv) -> bool {
    let said = answer
        .and_then(|answer| serde_json::from_str::<Value>(answer).ok())
        .and_then(|status| status["loggedIn"].as_bool());
    said.unwrap_or_else(|| {
        LOGIN_VARIABLES
            .iter()
            .any(|name| env.get(name).is_some_and(|value| !value.is_empty()))
            || config_dir(env).is_some_and(|dir| dir.join(".credentials.json").is_file())
    }) || chooses_provider(env)
}

/// A provider's login is not Anthropic's to know.
fn chooses_provider(env: &ChildEnv) -> bool {
    LOGIN_VARIABLES[3..]
        .iter()
        .any(|name| matches!(env.get(name), Some("1" | "true")))
}

fn config_dir(env: &ChildEnv) -> Option<PathBuf> {
    env.get("CLAUDE_CONFIG_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env.get("HOME")?).join(".claude")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_believed_and_else_its_files_and_variables() {
        let dir = tempfile::tempdir().unwrap();
        let mut env = ChildEnv::default();
        env.set("HOME", dir.path().to_str().unwrap());
        assert!(logged_in(Some("{\"loggedIn\":true}"), &env));
        assert!(!logged_in(Some("{\"loggedIn\":false}"), &env));
        assert!(!logged_in(Some("error: unknown command"), &env));
        assert!(!logged_in(None, &env));
        std::fs::create_dir(dir.path().join(".claude")).unwrap();
        std::fs::write(dir.path().join(".claude/.credentials.json"), "{}").unwrap();
        assert!(logged_in(None, &env));
        let mut with_key = ChildEnv::default();
        with_key.set("ANTHROPIC_API_KEY", "k");
        assert!(logged_in(None, &with_key));
        let mut bedrock = ChildEnv::default();
        bedrock.set("CLAUDE_CODE_USE_BEDROCK", "1");
        assert!(logged_in(Some("{\"loggedIn\":false}"), &bedrock));
    }

    #[tokio::test]
    async fn one_that_is_too_old_is_named_with_what_updates_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(PROGRAM);
        std::fs::write(&program, "#!/bin/sh\necho '1.0.128 (Claude Code)'\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut env = ChildEnv::default();
        env.set("PATH", &format!("{}:/usr/bin:/bin", dir.path().display()));
        let readiness = probe(&Spawner::for_probe("old-a", dir.path().to_path_buf(), env)).await;
        assert_eq!(readiness.version.as_deref(), Some("1.0.128"));
        let ReadinessState::Outdated { detail, remedy } = readiness.state else {
            panic!("{readiness:?}")
        };
        assert!(detail.contains("1.0.128") && detail.contains(OLDEST_VERSION));
        assert!(remedy.contains("claude update"));
    }

    #[test]
    fn the_tested_version_is_the_one_that_the_tests_install() {
        let installer = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/install-claude");
        let text = std::fs::read_to_string(installer).unwrap();
        let version = format!("version={} ", super::super::TESTED_VERSION);
        assert!(text.contains(&version), "{installer} installs another one");
    }
}
