//! Tests of a daemon in this process, over its real socket.

mod audit;
mod builds;

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::run;
use crate::control::{
    Answer, Build, Command, ControlHandle, Hello, MAX_LINE_BYTES, Response, SocketPath,
    SubmitRequest, Target,
};
use crate::domain::{DispatchId, ErrorKind, Failure};

const ECHO: &str = "[peers.echo]\nmode = \"echo\"\n";
const EXEC: &str = "[peers.tool]\nmode = \"exec\"\nrepo = \".\"\ncommand = [\"true\"]\n";
const LONG: Duration = Duration::from_secs(20);

struct Bench {
    dir: tempfile::TempDir,
    target: Target,
    daemon: JoinHandle<Result<(), Failure>>,
}

impl Bench {
    async fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fleet.toml");
        std::fs::write(&path, config).unwrap();
        let target = Target {
            config: std::fs::canonicalize(path).unwrap(),
            explicit: false,
            state_dir: dir.path().join("state"),
            program: "/nonexistent/fleet".into(),
            env_names: Vec::new(),
        };
        let own = target.clone();
        let daemon = tokio::spawn(async move { run(&own).await });
        let bench = Self {
            dir,
            target,
            daemon,
        };
        let up = async {
            while bench.try_connect().await.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, up).await.unwrap();
        bench
    }

    async fn try_connect(&self) -> Option<ControlHandle> {
        ControlHandle::connect_running(&self.target).await.unwrap()
    }

    async fn connect(&self) -> ControlHandle {
        self.try_connect().await.unwrap()
    }

    fn write_config(&self, text: &str) {
        std::fs::write(self.dir.path().join("fleet.toml"), text).unwrap();
    }

    async fn raw(&self, hello: &str) -> BufReader<UnixStream> {
        let socket = SocketPath::find(&self.target.state_dir).path;
        let mut stream = UnixStream::connect(socket).await.unwrap();
        stream.write_all(hello.as_bytes()).await.unwrap();
        BufReader::new(stream)
    }

    fn hello(&self) -> Hello {
        Hello {
            build: Build::own(),
            config: self.target.config.display().to_string(),
            config_is_explicit: false,
            client: crate::control::ClientKind::Unknown,
        }
    }

    async fn stop(self) {
        let handle = self.connect().await;
        handle.call(Command::StopDaemon).await.unwrap();
        ended(self.daemon).await;
        assert!(!SocketPath::find(&self.target.state_dir).path.exists());
    }
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap() + "\n"
}

async fn read(stream: &mut BufReader<UnixStream>) -> Option<Answer> {
    let mut text = String::new();
    let read = tokio::time::timeout(LONG, stream.read_line(&mut text));
    // A daemon that hangs up on a client in the middle of its line resets the connection.
    if read.await.unwrap().unwrap_or(0) == 0 {
        return None;
    }
    Some(serde_json::from_str::<Response>(&text).unwrap().body)
}

async fn welcomed(stream: &mut BufReader<UnixStream>) {
    match read(stream).await {
        Some(Answer::Welcome(daemon)) => assert_eq!(daemon.build, Build::own()),
        other => panic!("{other:?}"),
    }
}

fn submit(peer: &str) -> Command {
    Command::Submit(SubmitRequest {
        dispatch_id: DispatchId::mint(),
        peer: peer.to_owned(),
        contract: json!({"instruction": "hello"}),
        context_id: None,
        again: false,
    })
}

fn failed(answer: Option<Answer>) -> Failure {
    match answer {
        Some(Answer::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_of_another_file_or_of_no_manners_is_refused() {
    let bench = Bench::start(ECHO).await;
    let other = Hello {
        config: "/other/fleet.toml".to_owned(),
        ..bench.hello()
    };
    let refused = failed(read(&mut bench.raw(&line(&other)).await).await);
    assert!(refused.message.contains("/other/fleet.toml"), "{refused}");
    assert_eq!(refused.kind.exit_code(), 2);

    let refused = failed(read(&mut bench.raw("GET / HTTP/1.1\r\n").await).await);
    assert!(refused.message.contains("does not understand"), "{refused}");

    let mut long = bench.raw(&line(&bench.hello())).await;
    welcomed(&mut long).await;
    let _ = long
        .get_mut()
        .write_all(&vec![b'x'; MAX_LINE_BYTES + 2])
        .await;
    assert_eq!(read(&mut long).await, None);
    bench.stop().await;
}

async fn ended(daemon: JoinHandle<Result<(), Failure>>) {
    tokio::time::timeout(Duration::from_secs(2), daemon)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn only_one_daemon_serves_a_fleet() {
    let bench = Bench::start(ECHO).await;
    run(&bench.target).await.unwrap();
    assert!(bench.try_connect().await.is_some());
    bench.stop().await;
}

#[tokio::test]
async fn a_daemon_that_cannot_start_says_why_and_leaves_it_for_its_client() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("fleet.toml");
    std::fs::write(&config, "[peers.x]\nmode = \"exec\"\n").unwrap();
    let target = Target {
        config,
        explicit: true,
        state_dir: dir.path().join("state"),
        program: "/nonexistent/fleet".into(),
        env_names: Vec::new(),
    };
    let failure = run(&target).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Config);
    assert!(failure.message.contains("peers.x.repo"), "{failure}");
    let report = crate::control::report_path(&target.state_dir, std::process::id());
    let left: crate::control::DaemonReport =
        serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(left.failure, failure);
}

#[tokio::test]
async fn a_changed_file_counts_for_the_next_command_and_an_invalid_one_stops_nothing() {
    let bench = Bench::start(ECHO).await;
    let handle = bench.connect().await;
    let names = |answer: Answer| match answer {
        Answer::Status(status) => status
            .peers
            .iter()
            .map(|peer| peer.name.to_string())
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(names(handle.call(Command::Status).await.unwrap()), ["echo"]);

    bench.write_config(&format!("{ECHO}[peers.second]\nmode = \"echo\"\n"));
    let now = names(handle.call(Command::Status).await.unwrap());
    assert_eq!(now, ["echo", "second"]);

    bench.write_config("[peers.echo]\nmode = \"ecco\"\n");
    let refused = handle.call(submit("echo")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Config);
    assert!(
        refused.message.contains(":2:8: peers.echo.mode"),
        "{refused}"
    );
    let snapshot = handle.call(Command::Snapshot { follow: false }).await;
    assert!(matches!(snapshot, Ok(Answer::Snapshot(_))));

    bench.write_config(ECHO);
    assert_eq!(names(handle.call(Command::Status).await.unwrap()), ["echo"]);
    bench.stop().await;
}

#[tokio::test]
async fn an_unaccepted_file_starts_nothing_until_a_person_accepts_its_hash() {
    let bench = Bench::start(&format!("{ECHO}{EXEC}")).await;
    let handle = bench.connect().await;
    let trust = |accept: Option<String>| {
        let handle = handle.clone();
        async move {
            match handle.call(Command::Trust { accept }).await {
                Ok(Answer::Trust(view)) => Ok(view),
                Ok(other) => panic!("{other:?}"),
                Err(failure) => Err(failure),
            }
        }
    };
    for command in [
        submit("tool"),
        Command::Deploy {
            peers: vec!["tool".parse().unwrap()],
            all: false,
        },
    ] {
        let refused = handle.call(command).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Untrusted);
        assert!(refused.remedy.contains("fleet trust"), "{refused:?}");
    }
    let shown = trust(None).await.unwrap();
    assert!(!shown.accepted);

    // What was shown is what is accepted.
    bench.write_config(&format!("{ECHO}{EXEC}\n# more\n"));
    let stale = trust(Some(shown.hash)).await.unwrap_err();
    assert_eq!(stale.kind, ErrorKind::State);
    let shown = trust(None).await.unwrap();
    assert!(trust(Some(shown.hash)).await.unwrap().accepted);

    bench.write_config(&format!("{ECHO}{EXEC}\n# changed again\n"));
    assert!(!trust(None).await.unwrap().accepted);
    let explicit = Target {
        explicit: true,
        ..bench.target.clone()
    };
    let named = ControlHandle::connect_running(&explicit).await.unwrap();
    named.unwrap().call(Command::Status).await.unwrap();
    assert!(trust(None).await.unwrap().accepted);
    bench.stop().await;
}

#[tokio::test]
async fn followers_see_changes_and_learn_that_the_daemon_stopped() {
    let bench = Bench::start(ECHO).await;
    let handle = bench.connect().await;
    let follow = Command::Snapshot { follow: true };
    let mut stream = handle.stream(follow).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    assert!(matches!(first, Answer::Snapshot(snapshot) if snapshot.peers.len() == 1));

    bench.write_config(&format!("{ECHO}[peers.second]\nmode = \"echo\"\n"));
    handle.call(Command::Status).await.unwrap();
    let changed = async {
        loop {
            match stream.next().await.unwrap().unwrap() {
                Answer::Snapshot(snapshot) if snapshot.peers.len() == 2 => return,
                Answer::Snapshot(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(LONG, changed).await.unwrap();
    bench.stop().await;
    let ended = async {
        while let Some(answer) = stream.next().await {
            if let Err(failure) = answer {
                return Some(failure.kind);
            }
        }
        None
    };
    assert_eq!(ended.await, Some(ErrorKind::Daemon));
    assert!(handle.call(Command::Status).await.is_err());
}

#[tokio::test]
async fn many_clients_are_served_at_once() {
    let bench = Bench::start(ECHO).await;
    let clients = (0..100).map(|_| async {
        let handle = bench.connect().await;
        let status = handle.call(Command::Status).await;
        assert!(matches!(status, Ok(Answer::Status(_))), "{status:?}");
    });
    futures::future::join_all(clients).await;
    bench.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let bench = Bench::start(ECHO).await;
    let handle = bench.connect().await;
    let nobody = handle.call(submit("nobody")).await.unwrap_err();
    assert_eq!(nobody.kind, ErrorKind::NotFound);
    assert!(nobody.remedy.contains("echo"), "{nobody:?}");
    let name: crate::domain::PeerName = "nobody".parse().unwrap();
    let stop = Command::Stop {
        peers: vec![name],
        all: false,
    };
    assert_eq!(
        handle.call(stop).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
    let wait = Command::Wait {
        dispatch_id: DispatchId::mint(),
    };
    let mut stream = handle.stream(wait).await.unwrap();
    let missing = stream.next().await.unwrap().unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert!(stream.next().await.is_none());
    bench.stop().await;
}

#[tokio::test]
async fn a_mode_of_a_later_version_is_refused_before_anything_is_stored() {
    let bench = Bench::start(&format!(
        "{ECHO}[peers.cod]\nmode = \"codex\"\nrepo = \".\"\n"
    ))
    .await;
    let explicit = Target {
        explicit: true,
        ..bench.target.clone()
    };
    let handle = ControlHandle::connect_running(&explicit)
        .await
        .unwrap()
        .unwrap();
    let refused = handle.call(submit("cod")).await.unwrap_err();
    assert_eq!(refused.kind.exit_code(), 2);
    assert!(refused.message.contains("mode codex"), "{refused}");
    let list = Command::List {
        peer: None,
        limit: 10,
    };
    assert_eq!(
        handle.call(list).await.unwrap(),
        Answer::Dispatches(Vec::new())
    );
    bench.stop().await;
}

#[tokio::test]
async fn state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::start(ECHO).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let state = &bench.target.state_dir;
    assert_eq!(mode(state), 0o700);
    assert_eq!(mode(&SocketPath::find(state).path), 0o600);
    for name in ["fleet.db", "lock"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
    bench.stop().await;
}
