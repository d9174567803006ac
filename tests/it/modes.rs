//! Who may read and write what fleet makes, whatever the umask of its person is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::fleet::{Fleet, Said, text};

/// As somebody runs it who takes nothing away from anybody.
fn run(fleet: &Fleet, config: &Path, args: &[&str]) -> Said {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "umask 000; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_fleet"))
        .env_clear()
        .envs(fleet.environment())
        .current_dir(fleet.path("repo"))
        .args(["--config", text(config)])
        .args(args)
        .stdin(Stdio::null());
    let said = Said::of(&command.output().expect("fleet runs"));
    assert_eq!(said.code, 0, "{said:?}");
    said
}

/// Whatever stands below a folder, and the folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(path) = all.get(at).cloned() {
        at += 1;
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        all.extend(entries.map(|entry| entry.path()));
    }
    all
}

#[test]
fn nobody_else_may_write_what_fleet_makes_nor_read_its_state() {
    let fleet = Fleet::new("");
    let made = fleet.path("made");
    let config = made.join("by/init/fleet.toml");
    run(&fleet, &config, &["init"]);
    run(&fleet, &config, &["send", "echo", "hi"]);
    run(&fleet, &config, &["peers", "add", "two", "--mode", "echo"]);
    run(&fleet, &config, &["restart", "echo", "--new-token"]);
    run(&fleet, &config, &["service", "install"]);
    run(&fleet, &config, &["stop", "--all"]);
    run(&fleet, &config, &["daemon", "stop"]);
    let (state, units) = (fleet.path("state"), fleet.path("home/.config"));
    assert!(below(&state).len() > 5 && units.exists(), "they were made");
    for path in [made, units, state.clone()]
        .iter()
        .flat_map(|folder| below(folder))
    {
        let mode = fs::symlink_metadata(&path).unwrap().mode() & 0o777;
        assert_eq!(mode & 0o022, 0, "{} has {mode:o}", path.display());
        let secret = path.starts_with(&state) || text(&path).contains("/transcripts/");
        assert!(
            !secret || mode & 0o077 == 0,
            "{} has {mode:o}",
            path.display()
        );
    }
}
