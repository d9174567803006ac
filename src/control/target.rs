//! Which fleet a command is about.
//!
//! Owns: finding fleet.toml and the state folder. Does not own: what stands in them.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::config::{Peek, hex, peek, sha256};
use crate::domain::{ErrorKind, Failure, PeerName};

/// The daemon's log, in the state folder.
pub const DAEMON_LOG: &str = "daemon.log";
/// Bits with which others could change what stands in the state folder.
const OTHERS_WRITE: u32 = 0o022;

/// One fleet: its file, its state, and the program that serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its fleet.toml, absolute, links resolved.
    pub config: PathBuf,
    /// Whether a person named that file (`--config`) or it stands in the user's own directory: then it counts as accepted.
    pub explicit: bool,
    /// Where its state lives, absolute.
    pub state_dir: PathBuf,
    /// This program, to start the daemon with.
    pub program: PathBuf,
    /// Environment variables that its peers name.
    pub env_names: Vec<String>,
}

/// Where to look, beside what was named: read from the environment once, given by tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The working directory.
    pub cwd: PathBuf,
    /// The user's configuration directory for fleet.
    pub config_home: Option<PathBuf>,
    /// The user's state directory for fleet.
    pub state_home: Option<PathBuf>,
    /// `FLEET_STATE_DIR`.
    pub state_dir: Option<PathBuf>,
}

impl Places {
    /// The places of this process.
    #[must_use]
    pub fn of_this_process(cwd: &Path) -> Self {
        let dirs = directories::ProjectDirs::from("", "", "fleet");
        let state_of = |dirs: &directories::ProjectDirs| {
            dirs.state_dir()
                .unwrap_or_else(|| dirs.data_local_dir())
                .to_owned()
        };
        Self {
            cwd: cwd.to_owned(),
            config_home: dirs.as_ref().map(|dirs| dirs.config_dir().to_owned()),
            state_home: dirs.as_ref().map(state_of),
            state_dir: std::env::var_os("FLEET_STATE_DIR")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from),
        }
    }
}

impl Target {
    /// Finds the fleet: `--config`, else `./fleet.toml`, else the user's configuration directory; its state in
    /// `--state-dir`, else `FLEET_STATE_DIR`, else `<state>/<name>-<8 hex of the config's path>`.
    ///
    /// # Errors
    /// A [`Failure`] of kind `config` when there is no such file, or its name cannot be read.
    pub fn resolve(
        config_flag: Option<&Path>,
        state_dir_flag: Option<&Path>,
        cwd: &Path,
    ) -> Result<Self, Failure> {
        Self::resolve_in(config_flag, state_dir_flag, &Places::of_this_process(cwd))
    }

    /// [`Target::resolve`] with the places given.
    ///
    /// # Errors
    /// As [`Target::resolve`].
    pub fn resolve_in(
        config_flag: Option<&Path>,
        state_dir_flag: Option<&Path>,
        places: &Places,
    ) -> Result<Self, Failure> {
        let (config, explicit) = find_config(config_flag, places)?;
        let looked = peek(&config)?;
        let state_dir = match state_dir_flag.or(places.state_dir.as_deref()) {
            Some(dir) => places.cwd.join(dir),
            None => default_state_dir(&config, &looked, places)?,
        };
        Ok(Self {
            config,
            explicit,
            state_dir,
            program: own_program()?,
            env_names: looked.env_names,
        })
    }

    /// The daemon's log.
    #[must_use]
    pub fn daemon_log(&self) -> PathBuf {
        self.state_dir.join(DAEMON_LOG)
    }

    /// Where a peer's receiver keeps its things.
    #[must_use]
    pub fn receiver_dir(&self, peer: &PeerName) -> PathBuf {
        self.state_dir.join("receivers").join(peer.as_str())
    }

    /// Makes the state folder, mode 0700.
    ///
    /// # Errors
    /// A [`Failure`] of kind `daemon` when it cannot be made, is not ours, or others can write to it.
    pub fn make_state_dir(&self) -> Result<(), Failure> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.state_dir)
            .map_err(|error| self.no_state_dir(&format!("cannot be made: {error}")))?;
        self.prove_state_dir()
    }

    /// Whoever can write there can accept a fleet.toml in our name, and put a folder of their own where a receiver's was.
    fn prove_state_dir(&self) -> Result<(), Failure> {
        let meta = std::fs::metadata(&self.state_dir)
            .map_err(|error| self.no_state_dir(&format!("cannot be looked at: {error}")))?;
        if meta.uid() != rustix::process::getuid().as_raw() {
            return Err(self.no_state_dir("belongs to another user"));
        }
        match meta.mode() & OTHERS_WRITE {
            0 => Ok(()),
            _open => Err(self.no_state_dir(&format!(
                "can be written to by others (mode {:03o}), and must not be",
                meta.mode() & 0o777
            ))),
        }
    }

    fn no_state_dir(&self, why: &str) -> Failure {
        Failure::new(
            ErrorKind::Daemon,
            format!("The state folder {} {why}.", self.state_dir.display()),
            "Make it a folder of yours alone (chmod 700), or name another with `--state-dir PATH` or FLEET_STATE_DIR.",
        )
    }
}

fn find_config(flag: Option<&Path>, places: &Places) -> Result<(PathBuf, bool), Failure> {
    if let Some(named) = flag {
        let path = places.cwd.join(named);
        return match std::fs::canonicalize(&path) {
            Ok(path) => Ok((path, true)),
            Err(error) => Err(Failure::new(
                ErrorKind::Config,
                format!("{} cannot be read: {error}.", path.display()),
                "Name a fleet.toml that exists with `--config PATH`, or write this one: fleet init --config PATH",
            )),
        };
    }
    let here = places.cwd.join("fleet.toml");
    if let Ok(path) = std::fs::canonicalize(&here) {
        return Ok((path, false));
    }
    let own = places
        .config_home
        .as_ref()
        .map(|dir| dir.join("fleet.toml"));
    if let Some(path) = own.as_ref().and_then(|own| std::fs::canonicalize(own).ok()) {
        return Ok((path, true));
    }
    let own = own.map_or_else(String::new, |own| format!(", nor {}", own.display()));
    Err(Failure::new(
        ErrorKind::Config,
        format!("There is no {}{own}.", here.display()),
        "`fleet init` finds your agents and writes one here; `--config PATH` names another.",
    ))
}

fn default_state_dir(config: &Path, looked: &Peek, places: &Places) -> Result<PathBuf, Failure> {
    let home = places.state_home.as_ref().ok_or_else(|| {
        Failure::new(
            ErrorKind::Usage,
            "There is no home directory to keep state in.",
            "Set HOME, or name a folder with `--state-dir PATH` or FLEET_STATE_DIR.",
        )
    })?;
    Ok(home.join(fleet_id(config, &looked.name)))
}

/// `<name>-<8 hex of the config's path>`: tells a fleet from every other of this person.
#[must_use]
pub fn fleet_id(config: &Path, name: &str) -> String {
    let digest = sha256(config.as_os_str().as_bytes());
    format!("{name}-{}", hex(&digest[..4]))
}

fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(
            ErrorKind::Internal,
            format!("This program cannot find its own file: {error}."),
            "",
        )
    })
}
