//! Clients of other builds: what a daemon does for them, and handing over.

use serde_json::json;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Bench, ECHO, ended, failed, line, read, submit, welcomed};
use crate::control::{Answer, Build, Command, Hello, PROTOCOL, SocketPath};
use crate::daemon::run;
use crate::domain::ErrorKind;

/// A connection of a client of another build.
async fn client_of(bench: &Bench, protocol: u32, version: &str) -> BufReader<UnixStream> {
    let version = version.to_owned();
    let hello = Hello {
        build: Build { protocol, version },
        ..bench.hello()
    };
    let mut stream = bench.raw(&line(&hello)).await;
    welcomed(&mut stream).await;
    stream
}

async fn ask(stream: &mut BufReader<UnixStream>, command: &Command) -> Option<Answer> {
    let request = line(&json!({"id": 1, "command": command}));
    stream
        .get_mut()
        .write_all(request.as_bytes())
        .await
        .unwrap();
    read(stream).await
}

#[tokio::test]
async fn an_older_client_looks_and_begins_nothing_and_one_of_another_protocol_only_stops() {
    let bench = Bench::start(ECHO).await;
    let mut old = client_of(&bench, PROTOCOL, "0.0.1").await;
    let status = ask(&mut old, &Command::Status).await;
    assert!(matches!(status, Some(Answer::Status(_))), "{status:?}");
    let mut old = client_of(&bench, PROTOCOL, "0.0.1").await;
    let refused = failed(ask(&mut old, &submit("echo")).await);
    assert!(refused.message.contains("0.0.1"), "{refused}");
    assert!(refused.remedy.starts_with("Use fleet "), "{refused:?}");
    assert_eq!(refused.kind.exit_code(), 2);

    let mut older = client_of(&bench, PROTOCOL - 1, "0.0.1").await;
    let refused = failed(ask(&mut older, &Command::Status).await);
    assert!(refused.remedy.contains("fleet daemon stop"), "{refused:?}");
    let refused = failed(ask(&mut older, &Command::HandOver).await);
    assert_eq!(refused.kind, ErrorKind::Usage);
    assert_eq!(
        ask(&mut older, &Command::StopDaemon).await,
        Some(Answer::Done)
    );
    ended(bench.daemon).await;
}

#[tokio::test]
async fn a_newer_client_gets_the_fleet_and_an_older_daemon_leaves_it_alone_for_a_while() {
    let bench = Bench::start(ECHO).await;
    let mut new = client_of(&bench, PROTOCOL + 1, "999.0.0").await;
    let refused = failed(ask(&mut new, &Command::Status).await);
    assert!(refused.remedy.contains("hands over"), "{refused:?}");
    assert_eq!(ask(&mut new, &Command::HandOver).await, Some(Answer::Done));
    ended(bench.daemon).await;
    // This build is the older one now: it gives way as one that lost the race does.
    run(&bench.target).await.unwrap();
    assert!(!SocketPath::find(&bench.target.state_dir).path.exists());
}
