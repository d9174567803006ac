//! Telling systemd.
//!
//! Owns: the commands, and what is left to a person where systemd cannot be told. Does not own: when.

use std::path::PathBuf;
use std::time::Duration;

use fleet_receivers::Mode;
use fleet_receivers::child::{AskError, ChildEnv, Spawner, ask};

/// For one command: `enable --now` waits until the daemon has started, `disable --now` until it has ended.
const PATIENCE: Duration = Duration::from_secs(30);
/// What tells systemctl where the manager of this user is, beside XDG_RUNTIME_DIR.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// Commands, as far as they came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// Those that were run.
    pub(super) ran: Vec<String>,
    /// Those that are left.
    pub(super) left: Vec<String>,
    /// Why they are.
    pub(super) why: Option<String>,
}

/// Runs `systemctl --user` with each of these words, until one cannot be run.
pub(super) async fn tell(commands: &[Vec<&str>]) -> Told {
    let mut told = Told::default();
    for words in commands {
        let line = line(words);
        if told.why.is_some() {
            told.left.push(line);
            continue;
        }
        match run(words).await {
            Ok(()) => told.ran.push(line),
            Err(why) => {
                told.why = Some(why);
                told.left.push(line);
            }
        }
    }
    told
}

/// The commands, of which none was run.
pub(super) fn only_shown(commands: &[Vec<&str>]) -> Told {
    Told {
        left: commands.iter().map(|words| line(words)).collect(),
        ..Told::default()
    }
}

fn line(words: &[&str]) -> String {
    format!("systemctl --user {}", words.join(" "))
}

async fn run(words: &[&str]) -> Result<(), String> {
    let mut env = ChildEnv::pick_own(Mode::Exec, &[BUS.to_owned()]);
    // As the person would find it: systemd is no tool of an agent, which are looked for in further places.
    env.set("PATH", &std::env::var("PATH").unwrap_or_default());
    let spawner = Spawner::for_probe("service", PathBuf::from("/"), env);
    let argv: Vec<String> = ["systemctl", "--user"]
        .iter()
        .chain(words)
        .map(|&word| word.to_owned())
        .collect();
    let said = match ask(&spawner, &argv, PATIENCE).await {
        Ok(said) => said,
        Err(AskError::Spawn(_)) => return Err("systemctl is not there".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    if said.status.success() {
        return Ok(());
    }
    let why = said
        .stderr
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty());
    Err(match why {
        Some(why) => format!("systemctl said: {}", why.trim_end_matches('.')),
        None => format!("systemctl ended with {}", said.status),
    })
}
