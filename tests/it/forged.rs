//! Files and rows that name a stranger's process: it is never signalled.

use std::process::{Child, Command, Stdio};

use fleet::daemon::store::Store;
use fleet::domain::PeerName;
use fleet_receivers::Mode;
use fleet_receivers::folder::{Identity, boot_id, process_start_time};

use crate::fleet::{Fleet, kill};

/// A program that has nothing to do with any fleet; it would die of any signal that we send.
struct Stranger(Child);

impl Stranger {
    fn new() -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null());
        Self(command.spawn().expect("sleep"))
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().expect("wait").is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How an identity may name a stranger.
#[derive(Debug, Clone, Copy)]
enum Forgery {
    /// The number is the stranger's now, the rest is of the process that had it.
    PidReused,
    /// From before the machine started anew.
    OtherBoot,
    /// By somebody who looked up all that the system tells.
    Whole,
}

fn forged(fleet: &Fleet, how: Forgery, pid: u32) -> Identity {
    let start_time = process_start_time(pid).expect("start time");
    let identity = Identity {
        pid,
        start_time,
        boot_id: boot_id(),
        instance: "forged".to_owned(),
        addr: "127.0.0.1:9".parse().expect("address"),
        url: "http://127.0.0.1:9".to_owned(),
        peer: "echo".to_owned(),
        mode: Mode::Echo,
        repo: fleet.path(""),
        version: "0.1.0".to_owned(),
    };
    match how {
        Forgery::PidReused => Identity {
            start_time: start_time + 1,
            ..identity
        },
        Forgery::OtherBoot => Identity {
            boot_id: "another".to_owned(),
            ..identity
        },
        Forgery::Whole => identity,
    }
}

/// Puts the forgery where the daemon looks: the folder, and its own row.
fn plant(fleet: &Fleet, identity: &Identity) {
    let dir = fleet.path("state/receivers/echo");
    identity.write(&dir).expect("identity");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let store = Store::open(&fleet.path("state/fleet.db"))
            .await
            .expect("store");
        let peer = PeerName::new("echo").expect("name");
        let mut row = store.receiver(&peer).await.expect("row").expect("deployed");
        row.should_run = true;
        row.pid = Some(identity.pid);
        row.start_time = Some(identity.start_time);
        row.boot_id = Some(identity.boot_id.clone());
        row.instance = Some(identity.instance.clone());
        store.upsert_receiver(&row).await.expect("row");
        store.close().await;
    });
}

#[test]
fn a_stranger_that_identity_and_row_name_is_never_signalled() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    fleet.ok(&["deploy", "echo"]);
    let mut stranger = Stranger::new();
    for how in [Forgery::PidReused, Forgery::OtherBoot, Forgery::Whole] {
        // While it is stopped, and while it runs.
        for stopped in [true, false] {
            if stopped {
                fleet.ok(&["stop", "echo"]);
            }
            kill(fleet.daemon_pid().expect("daemon"));
            let real = fleet
                .processes()
                .into_iter()
                .find(|(_, line)| line.contains(" serve "));
            plant(&fleet, &forged(&fleet, how, stranger.0.id()));
            if let Some((pid, _)) = real {
                // One that nobody knows of any more, so that it does not stand in the way.
                kill(pid);
            }
            fleet.ok(&["deploy", "echo"]);
            assert!(stranger.lives(), "deploy: {how:?}, stopped: {stopped}");
            assert_eq!(fleet.ok(&["send", "echo", "hi"]).stdout.trim(), "hi");
            fleet.ok(&["restart", "echo"]);
            fleet.ok(&["stop", "echo"]);
            assert!(stranger.lives(), "stop: {how:?}, stopped: {stopped}");
            fleet.ok(&["start", "echo"]);
        }
    }
    // Stopping at once, with nothing but the forgery there.
    fleet.ok(&["stop", "echo"]);
    kill(fleet.daemon_pid().expect("daemon"));
    plant(&fleet, &forged(&fleet, Forgery::Whole, stranger.0.id()));
    fleet.ok(&["stop", "--all"]);
    assert!(stranger.lives());
    fleet.shut_down();
    assert!(stranger.lives());
}
