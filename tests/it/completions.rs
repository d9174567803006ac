//! `fleet completions`: scripts that shells take.

use std::process::{Command, Stdio};

use crate::fleet::run_bare;

#[test]
fn bash_takes_the_script_and_completes_every_command() {
    let home = tempfile::tempdir().unwrap();
    let said = run_bare(home.path(), &["completions", "bash"]);
    assert_eq!(said.code, 0, "{said:?}");
    let path = home.path().join("fleet.bash");
    std::fs::write(&path, &said.stdout).unwrap();
    let checked = Command::new("bash").arg("-n").arg(&path).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(checked.stderr, b"");
    // What a person sees who presses tab behind `fleet `.
    let script = format!(
        ". {}; COMP_WORDS=(fleet ''); COMP_CWORD=1; _fleet fleet '' fleet; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        path.display()
    );
    let offered = Command::new("bash")
        .args(["--norc", "-c", &script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let offered = String::from_utf8(offered.stdout).unwrap();
    let offered: Vec<&str> = offered.lines().collect();
    let help = run_bare(home.path(), &["--help"]).stdout;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed = listed.split("\n\n").next().unwrap();
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(offered.contains(&name), "{name} of {offered:?}");
    }
}

#[test]
fn every_shell_has_a_script_and_another_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = run_bare(home.path(), &["completions", shell]);
        assert_eq!(said.code, 0, "{shell}");
        assert!(said.stdout.contains("transcripts"), "{shell}");
        let json = run_bare(home.path(), &["completions", shell, "--json"]).json();
        assert_eq!(json["script"], said.stdout, "{shell}");
    }
    assert_eq!(run_bare(home.path(), &["completions", "tcsh"]).code, 2);
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
