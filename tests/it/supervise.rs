//! Supervision: ten peers in two modes deployed, found again, killed, parked, stopped; each with real processes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{Fleet, kill};

/// What takes milliseconds on a free machine, on one that is not.
const LONG: Duration = Duration::from_secs(30);
/// Peers of each of the two modes.
const EACH: usize = 5;
/// Above the ports of other tests, below those that the system gives out.
const FIRST_PORT: u16 = 31_100;
const BANDS: u16 = 160;

/// A fleet whose bands hold five exec and five echo receivers and not one more. The folders of its exec peers have equal names.
fn ten() -> Fleet {
    let fleet = Fleet::new("");
    let mut peers = String::new();
    for n in 0..EACH {
        let repo = fleet.path(&format!("work/{n}/app"));
        std::fs::create_dir_all(&repo).expect("repo");
        peers.push_str(&format!(
            "[peers.tool{n}]\nmode = \"exec\"\nrepo = \"{}\"\ncommand = [\"sh\", \"-c\", \"pwd\"]\n\n[peers.echo{n}]\nmode = \"echo\"\n\n",
            repo.display()
        ));
    }
    fleet.write_config(&peers);
    let first = free_bands();
    narrow(&fleet, "exec", first);
    narrow(&fleet, "echo", first + EACH as u16);
    fleet
}

/// The first of as many free ports as two narrow bands take, apart from those of all other tests: a port that another
/// program has would make a band too small.
fn free_bands() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let both = 2 * EACH as u16;
    for _ in 0..BANDS {
        let slot =
            (std::process::id() as u16 % BANDS + NEXT.fetch_add(1, Ordering::Relaxed)) % BANDS;
        let first = FIRST_PORT + slot * both;
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + both).all(free) {
            return first;
        }
    }
    panic!("no ports are free from {FIRST_PORT} on");
}

/// Leaves a band only as many ports as there are peers of its mode.
fn narrow(fleet: &Fleet, mode: &str, first: u16) {
    let path = fleet.path("fleet.toml");
    let text = std::fs::read_to_string(&path).expect("fleet.toml");
    let lines = text.lines().map(|line| {
        if line.starts_with(&format!("{mode} = [")) {
            format!("{mode} = [{first}, {}]", first + EACH as u16 - 1)
        } else {
            line.to_owned()
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    std::fs::write(path, text).expect("fleet.toml");
}

fn band(config: &str, mode: &str) -> (u16, u16) {
    let start = format!("{mode} = [");
    let line = config
        .lines()
        .find_map(|line| line.strip_prefix(start.as_str()))
        .expect("band");
    let (first, last) = line.trim_end_matches(']').split_once(", ").expect("two");
    (first.parse().expect("port"), last.parse().expect("port"))
}

fn add(fleet: &Fleet, peers: &str) {
    let path = fleet.path("fleet.toml");
    let text = std::fs::read_to_string(&path).expect("fleet.toml");
    std::fs::write(path, format!("{text}\n{peers}\n")).expect("fleet.toml");
}

fn names() -> Vec<String> {
    let both = |n| [format!("tool{n}"), format!("echo{n}")];
    (0..EACH).flat_map(both).collect()
}

fn folder(fleet: &Fleet, peer: &str, file: &str) -> PathBuf {
    fleet.path(&format!("state/receivers/{peer}/{file}"))
}

fn read(fleet: &Fleet, peer: &str, file: &str) -> String {
    std::fs::read_to_string(folder(fleet, peer, file)).expect("file")
}

/// What must not change while nobody asks for it.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    pid: i64,
    port: u16,
    token: String,
    config: String,
}

fn view(fleet: &Fleet, peer: &str) -> Value {
    let status = fleet.ok(&["status", "--json"]).json();
    let peers = status["peers"].as_array().expect("peers").clone();
    let found = peers.into_iter().find(|view| view["name"] == peer);
    found.expect("peer")
}

/// The peers that are ready.
fn standing(fleet: &Fleet) -> BTreeMap<String, Standing> {
    let status = fleet.ok(&["status", "--json"]).json();
    let peers = status["peers"].as_array().expect("peers").clone();
    let ready = peers.into_iter().filter(|view| view["health"] == "ready");
    ready
        .map(|view| {
            let name = view["name"].as_str().expect("name").to_owned();
            let standing = Standing {
                pid: view["pid"].as_i64().expect("pid"),
                port: view["port"].as_u64().expect("port") as u16,
                token: read(fleet, &name, "token"),
                config: read(fleet, &name, "receiver.toml"),
            };
            (name, standing)
        })
        .collect()
}

fn until_all_stand(fleet: &Fleet, count: usize) -> BTreeMap<String, Standing> {
    fleet.until("every receiver is ready", LONG, || {
        standing(fleet).len() == count
    });
    standing(fleet)
}

#[test]
fn ten_peers_in_two_modes_are_deployed_once_and_found_again() {
    let fleet = ten();
    fleet.ok(&["deploy", "--all"]);
    let first = standing(&fleet);
    assert_eq!(first.len(), 2 * EACH, "{first:?}");
    ports_are_of_their_bands(&fleet, &first);
    let tokens: BTreeSet<&String> = first.values().map(|it| &it.token).collect();
    assert_eq!(tokens.len(), first.len(), "each has a token of its own");

    fleet.ok(&["deploy", "--all"]);
    assert_eq!(standing(&fleet), first, "deployed again, nothing changes");

    kill(fleet.daemon_pid().expect("daemon"));
    let again = until_all_stand(&fleet, first.len());
    assert_eq!(again, first, "the next daemon finds what runs");

    each_works_in_its_own_repo(&fleet);
    an_eleventh_is_refused(&fleet);
    stopping_all_leaves_nothing(&fleet, &first);
}

fn ports_are_of_their_bands(fleet: &Fleet, standing: &BTreeMap<String, Standing>) {
    let config = std::fs::read_to_string(fleet.path("fleet.toml")).expect("fleet.toml");
    for (name, peer) in standing {
        let (first, last) = band(
            &config,
            if name.starts_with("tool") {
                "exec"
            } else {
                "echo"
            },
        );
        assert!((first..=last).contains(&peer.port), "{name}: {peer:?}");
    }
    let ports: BTreeSet<u16> = standing.values().map(|peer| peer.port).collect();
    assert_eq!(ports.len(), standing.len(), "no two share a port");
}

fn each_works_in_its_own_repo(fleet: &Fleet) {
    for n in 0..EACH {
        let said = fleet.ok(&["send", &format!("tool{n}"), "where", "--json"]);
        let reply = said.json()["reply"].as_str().expect("reply").to_owned();
        assert!(reply.trim().ends_with(&format!("/work/{n}/app")), "{reply}");
    }
}

fn an_eleventh_is_refused(fleet: &Fleet) {
    add(fleet, "[peers.eleventh]\nmode = \"echo\"");
    let config = std::fs::read_to_string(fleet.path("fleet.toml")).expect("fleet.toml");
    let (first, last) = band(&config, "echo");
    let said = fleet.run(&["deploy", "eleventh"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("the band of mode echo"), "{said:?}");
    assert!(said.stderr.contains(&first.to_string()), "{said:?}");
    assert!(said.stderr.contains(&last.to_string()), "{said:?}");
}

fn stopping_all_leaves_nothing(fleet: &Fleet, was: &BTreeMap<String, Standing>) {
    fleet.ok(&["stop", "--all"]);
    let receivers = |(_, line): &(i32, String)| line.contains(" serve --receiver ");
    let left: Vec<_> = fleet.processes().into_iter().filter(receivers).collect();
    assert_eq!(left, vec![], "no process");
    let daemon = fleet.daemon_pid().expect("daemon");
    assert_eq!(zombies_of(daemon), Vec::<i32>::new(), "no zombie");
    for (name, peer) in was {
        let reached = TcpStream::connect(("127.0.0.1", peer.port));
        assert!(reached.is_err(), "{name} listens on {}", peer.port);
        let identity = folder(fleet, name, "identity.json");
        assert!(!identity.exists(), "{} is left", identity.display());
    }
    fleet.shut_down();
}

/// Children that have ended and that nobody has looked at.
fn zombies_of(parent: i32) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_zombie = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        rest.starts_with(&format!("Z {parent} "))
    };
    pids.filter(is_zombie).collect()
}

#[test]
fn twenty_deploys_at_once_collide_nowhere() {
    let fleet = ten();
    let names = names();
    let twice = names.iter().chain(&names);
    let deploys: Vec<_> = twice.map(|name| fleet.spawn(&["deploy", name])).collect();
    assert_eq!(deploys.len(), 20);
    for deploy in deploys {
        let said = Fleet::finish(deploy);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let standing = standing(&fleet);
    assert_eq!(standing.len(), 2 * EACH);
    ports_are_of_their_bands(&fleet, &standing);
    let receivers = |(_, line): &(i32, String)| line.contains(" serve --receiver ");
    let running = fleet.processes().into_iter().filter(receivers).count();
    assert_eq!(running, 2 * EACH, "one process each");
    fleet.shut_down();
}

#[test]
fn ten_receivers_killed_at_once_all_come_back() {
    let fleet = ten();
    fleet.ok(&["deploy", "--all"]);
    let before = standing(&fleet);
    let began = Instant::now();
    for peer in before.values() {
        kill(peer.pid as i32);
    }
    let back = |fleet: &Fleet| {
        let now = standing(fleet);
        now.len() == before.len() && now.iter().all(|(name, it)| it.pid != before[name].pid)
    };
    fleet.until("all ten are back", LONG, || back(&fleet));
    eprintln!(
        "ten receivers killed at once were back after {:?}",
        began.elapsed()
    );
    for (name, now) in standing(&fleet) {
        let was = &before[&name];
        assert_eq!((now.port, &now.token), (was.port, &was.token), "{name}");
        assert_eq!(now.config, was.config, "{name}");
    }
    fleet.shut_down();
}

#[test]
fn a_killed_receiver_is_back_soon_and_one_that_keeps_dying_is_parked_while_others_serve() {
    let fleet = Fleet::new("[peers.dying]\nmode = \"echo\"\n\n[peers.well]\nmode = \"echo\"\n");
    fleet.ok(&["deploy", "--all"]);
    let well = fleet.receiver_pid("well");
    for death in 1..=5 {
        let pid = fleet.receiver_pid("dying").expect("pid");
        let began = Instant::now();
        kill(pid);
        if death < 5 {
            fleet.until("it is back", LONG, || {
                let now = view(&fleet, "dying");
                now["health"] == "ready" && now["pid"] != pid
            });
            eprintln!("death {death}: back after {:?}", began.elapsed());
        }
    }
    fleet.until("it is parked", LONG, || {
        view(&fleet, "dying")["health"] == "parked"
    });
    let parked = view(&fleet, "dying");
    assert_eq!(parked["reason"], "it died", "{parked}");
    let said = fleet.run(&["send", "dying", "hello", "--deadline", "5"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("fleet start dying"), "{said:?}");
    assert_eq!(fleet.ok(&["send", "well", "hello"]).stdout.trim(), "hello");
    assert_eq!(fleet.receiver_pid("well"), well, "the other never noticed");
    kill(fleet.daemon_pid().expect("daemon"));
    let parked = view(&fleet, "dying");
    let told = (&parked["health"], &parked["reason"]);
    assert_eq!(
        told,
        (&Value::from("parked"), &Value::from("it died")),
        "rows, not memory"
    );
    fleet.ok(&["start", "dying"]);
    assert_eq!(fleet.ok(&["send", "dying", "hello"]).stdout.trim(), "hello");
    fleet.shut_down();
}

#[test]
fn a_receiver_that_cannot_start_is_tried_again_and_then_parked_with_its_reason() {
    use std::os::unix::fs::DirBuilderExt;
    let fleet = Fleet::new("[peers.broken]\nmode = \"echo\"\n\n[peers.well]\nmode = \"echo\"\n");
    let database = folder(&fleet, "broken", "tasks.db");
    let mut make = std::fs::DirBuilder::new();
    make.recursive(true)
        .mode(0o700)
        .create(&database)
        .expect("obstacle");
    let said = fleet.run(&["deploy", "--all"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("tasks.db"), "{said:?}");
    // Nobody asks for it again: what is to run is tried by itself.
    fleet.until("it is parked", LONG, || {
        view(&fleet, "broken")["health"] == "parked"
    });
    let parked = view(&fleet, "broken");
    let reason = parked["reason"].as_str().expect("reason");
    assert!(reason.contains("tasks.db"), "{parked}");
    assert_eq!(fleet.ok(&["send", "well", "hello"]).stdout.trim(), "hello");

    std::fs::remove_dir(&database).expect("obstacle");
    fleet.ok(&["start", "broken"]);
    assert_eq!(fleet.ok(&["send", "broken", "hi"]).stdout.trim(), "hi");
    fleet.shut_down();
}

#[test]
fn a_program_that_is_found_on_another_path_mends_its_receiver() {
    let fleet = Fleet::new(
        "[peers.tool]\nmode = \"exec\"\nrepo = \"repo\"\ncommand = [\"fleet-it-tool\"]\n",
    );
    let missing = fleet.run(&["deploy", "tool"]);
    assert_eq!(missing.code, 4, "{missing:?}");
    let before = fleet.receiver_pid("tool").expect("it runs, unable");
    std::fs::create_dir(fleet.path("bin")).expect("bin");
    fleet.script("bin/fleet-it-tool", "#!/bin/sh\necho found\n");
    let still = fleet.run(&["deploy", "tool"]);
    assert_eq!(still.code, 4, "not on this PATH: {still:?}");
    assert_eq!(
        fleet.receiver_pid("tool"),
        Some(before),
        "the same environment starts nothing anew"
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let sent = fleet
        .command(&["send", "tool", "hello"])
        .env("PATH", format!("{}:{path}", fleet.path("bin").display()))
        .output()
        .expect("fleet");
    assert_eq!(String::from_utf8_lossy(&sent.stdout), "found\n", "{sent:?}");
    // Whoever has the old PATH is served by what works.
    let said = fleet.ok(&["send", "tool", "again"]);
    assert_eq!(said.stdout, "found\n", "{said:?}");
    fleet.shut_down();
}
