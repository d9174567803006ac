//! `fleet service`: a unit for systemd, and what is told to it. systemctl is a script that writes down what it is asked, so that
//! no test changes the services of whoever runs it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::fleet::{Fleet, Said};

struct Machine {
    fleet: Fleet,
}

impl Machine {
    /// With a systemctl that says this.
    fn with(systemctl: Option<&str>) -> Self {
        let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
        fs::create_dir(fleet.path("bin")).unwrap();
        if let Some(script) = systemctl {
            let log = fleet.path("asked");
            fleet.script(
                "bin/systemctl",
                &format!("#!/bin/sh\necho \"$@\" >> '{}'\n{script}\n", log.display()),
            );
        }
        Self { fleet }
    }

    fn run(&self, words: &[&str]) -> Said {
        let mut command = self.fleet.command(words);
        command
            .env("PATH", self.fleet.path("bin"))
            .env("XDG_CONFIG_HOME", self.fleet.path("conf"));
        Said::of(&command.output().unwrap())
    }

    fn ok(&self, words: &[&str]) -> Said {
        let said = self.run(words);
        assert_eq!(said.code, 0, "{said:?}");
        said
    }

    fn unit(&self) -> PathBuf {
        let shown = self.ok(&["service", "install", "--print", "--json"]).json();
        PathBuf::from(shown["path"].as_str().unwrap())
    }
}

#[test]
fn a_unit_is_installed_and_removed_and_systemd_is_told() {
    let machine = Machine::with(Some(""));
    let unit = machine.unit();
    assert!(unit.starts_with(machine.fleet.path("conf/systemd/user")));
    let name = unit.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        name.starts_with("fleet-it-") && name.ends_with(".service"),
        "{name}"
    );
    assert!(!unit.exists(), "it was only shown");

    let said = machine.ok(&["service", "install"]);
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains("KillMode=process\n") && text.contains("Restart=on-failure\n"));
    let enable = format!("enable --now {name}");
    let asked = [
        "--user daemon-reload".to_owned(),
        format!("--user {enable}"),
    ];
    assert_eq!(machine.fleet.lines("asked"), asked);
    assert!(
        said.stdout
            .contains(&format!("Ran: systemctl --user {enable}\n")),
        "{said:?}"
    );
    // Again, it is as it should be; an old one of ours is written anew.
    let again = machine.ok(&["service", "install", "--json"]).json();
    assert_eq!(again["state"], "unchanged");
    fs::write(&unit, text.replace("RestartSec=5", "RestartSec=1")).unwrap();
    assert_eq!(
        machine.ok(&["service", "install", "--json"]).json()["state"],
        "written"
    );
    assert_eq!(fs::read_to_string(&unit).unwrap(), text);

    fs::remove_file(machine.fleet.path("asked")).unwrap();
    let shown = machine.ok(&["service", "uninstall", "--print"]);
    assert!(shown.stdout.contains("would remove"), "{shown:?}");
    machine.ok(&["service", "uninstall"]);
    assert!(!unit.exists());
    let asked = [
        format!("--user disable --now {name}"),
        "--user daemon-reload".to_owned(),
    ];
    assert_eq!(machine.fleet.lines("asked"), asked);
    let twice = machine.ok(&["service", "uninstall", "--json"]).json();
    assert_eq!(twice["state"], "absent");
    assert_eq!(machine.fleet.lines("asked").len(), 2);
}

#[test]
fn where_systemd_cannot_be_told_it_says_what_remains() {
    let without = Machine::with(None);
    let said = without.ok(&["service", "install"]);
    assert!(without.unit().exists());
    assert!(said.stdout.contains("systemctl is not there."), "{said:?}");
    assert!(
        said.stdout.contains(
            "\n  systemctl --user daemon-reload\n  systemctl --user enable --now fleet-it-"
        ),
        "{said:?}"
    );
    without.ok(&["service", "uninstall"]);
    assert!(!without.unit().exists());

    let no_bus = Machine::with(Some(
        "echo 'Failed to connect to bus: No medium found' >&2; exit 1",
    ));
    let said = no_bus.ok(&["service", "install", "--json"]).json();
    assert_eq!(said["ran"], serde_json::json!([]));
    assert_eq!(said["remaining"].as_array().unwrap().len(), 2);
    assert!(
        said["reason"].as_str().unwrap().contains("No medium found"),
        "{said}"
    );
    assert_eq!(
        no_bus.fleet.lines("asked").len(),
        1,
        "it is not asked in vain"
    );
    // Enabled elsewhere: the link that made it so goes with the unit.
    let unit = no_bus.unit();
    let wants = unit.parent().unwrap().join("default.target.wants");
    fs::create_dir(&wants).unwrap();
    symlink(&unit, wants.join(unit.file_name().unwrap())).unwrap();
    no_bus.ok(&["service", "uninstall"]);
    assert_eq!(fs::read_dir(&wants).unwrap().count(), 0);
}

#[test]
fn a_unit_of_somebody_else_stays() {
    let machine = Machine::with(Some(""));
    let unit = machine.unit();
    fs::create_dir_all(unit.parent().unwrap()).unwrap();
    fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    for verb in ["install", "uninstall"] {
        let said = machine.run(&["service", verb]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.contains("fleet did not write it"), "{said:?}");
    }
    fs::remove_file(&unit).unwrap();
    // What masks a unit is a link to nothing.
    symlink("/dev/null", &unit).unwrap();
    for verb in ["install", "uninstall"] {
        assert_eq!(machine.run(&["service", verb]).code, 2);
    }
    assert!(unit.is_symlink());
    assert_eq!(machine.fleet.lines("asked").len(), 0);
}

#[test]
fn the_command_of_the_unit_is_a_daemon_and_a_second_one_gives_way() {
    let machine = Machine::with(None);
    let fleet = &machine.fleet;
    let shown = machine
        .ok(&["service", "install", "--print", "--json"])
        .json();
    let text = shown["text"].as_str().unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .unwrap();
    // Its paths have nothing here that a shell reads in another way than systemd.
    let start = || {
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .envs(fleet.environment())
            .args(["-c", line]);
        command
    };
    let mut first = start().spawn().unwrap();
    fleet.until(
        "the daemon answers",
        std::time::Duration::from_secs(20),
        || fleet.daemon_pid().is_some(),
    );
    let second = start().status().unwrap();
    assert_eq!(
        second.code(),
        Some(0),
        "else systemd would start it again and again"
    );
    fleet.shut_down();
    assert_eq!(first.wait().unwrap().code(), Some(0));
}
