//! The sweep against real processes that do their best to escape.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::time::Duration;

use fleet_a2a::TaskId;
use tokio::time::{Instant, sleep, timeout};

use super::*;

fn spawner(receiver: &str, task: &TaskId, dir: &Path) -> Spawner {
    let env = ChildEnv::pick(crate::Mode::Exec, &[], std::env::vars());
    Spawner::new(receiver, task, dir.to_path_buf(), env)
}

fn sh(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

/// Pids a script wrote, once it wrote `count` of them.
async fn written_pids(dir: &Path, count: usize) -> Vec<i32> {
    timeout(Duration::from_secs(10), async {
        loop {
            let text = std::fs::read_to_string(dir.join("pids")).unwrap_or_default();
            let pids: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
            if pids.len() >= count {
                return pids;
            }
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the script wrote its pids")
}

/// Waits until none of the pids is there in any form, zombies included.
async fn all_gone(pids: &[i32]) {
    timeout(Duration::from_secs(5), async {
        while pids.iter().any(|pid| proc::stat(*pid).is_some()) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap_or_else(|_| {
        panic!(
            "left: {:?}",
            pids.iter()
                .filter_map(|pid| proc::stat(*pid))
                .collect::<Vec<_>>()
        )
    });
}

/// Leaves a process that ignores SIGTERM, in a session of its own, whose parent is gone.
const ESCAPE: &str = "(setsid sh -c 'trap \"\" TERM HUP INT; echo $$ >> pids; \
    sleep 600 & echo $! >> pids; wait; sleep 600' </dev/null >/dev/null 2>&1 &) ; \
    echo $$ >> pids; exec sleep 600";

#[tokio::test]
async fn a_sweep_leaves_no_process_and_no_zombie_of_its_task_and_touches_no_other() {
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let other_dir = tempfile::tempdir().unwrap();
    let (task, other) = (TaskId::mint(), TaskId::mint());
    let child = spawner("sweep-a", &task, dir.path())
        .spawn(&sh(ESCAPE), Stdin::Null)
        .unwrap();
    // The id of another receiver may begin like ours.
    let mut same_task_of_another = spawner("sweep-a/b", &task, other_dir.path())
        .spawn(&sh("echo $$ >> pids; exec sleep 600"), Stdin::Null)
        .unwrap();
    let mut another_task = spawner("sweep-a", &other, other_dir.path())
        .spawn(&sh("echo $$ >> pids; exec sleep 600"), Stdin::Null)
        .unwrap();
    let pids = written_pids(dir.path(), 3).await;
    let others = written_pids(other_dir.path(), 2).await;

    drop(child);
    let report = sweep("sweep-a", Some(task.as_str())).await;
    assert!(report.killed >= 2, "{report:?}");
    assert_eq!(report.survivors, 0);
    all_gone(&pids).await;
    assert!(
        others
            .iter()
            .all(|pid| proc::stat(*pid).is_some_and(|stat| !stat.zombie))
    );

    // Without a task, all of this receiver and still nothing of the other.
    sweep("sweep-a", None).await;
    assert!(!another_task.wait().await.unwrap().success());
    assert!(proc::stat(same_task_of_another.pid()).is_some_and(|stat| !stat.zombie));
    stop(&mut same_task_of_another, &[]).await.unwrap();
    all_gone(&others).await;
}

/// Starts one process, and when told three more: a child that hid its marker, a child, and one whose parent is gone.
const EARLY_AND_LATE: &str = "sleep 600 & echo $! >> pids; while [ ! -e go ]; do sleep 0.02; done; \
    env -i sleep 601 & echo $! >> pids; setsid sleep 602 & echo $! >> pids; \
    (setsid sh -c 'echo $$ >> pids; exec sleep 603' &); wait";

#[tokio::test]
async fn what_began_within_a_turn_dies_and_what_was_there_stays() {
    become_subreaper().unwrap();
    for (orphans_only, dead) in [(true, 1), (false, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let turn = spawner("since-a", &TaskId::mint(), dir.path());
        let own = turn.outliving(&format!("process-{dead}"));
        let mut leader = own.spawn(&sh(EARLY_AND_LATE), Stdin::Null).unwrap();
        assert!(turn.owes().is_empty() && own.owes().is_empty());
        let early = written_pids(dir.path(), 1).await;
        // Moments count in hundredths of a second.
        sleep(Duration::from_millis(30)).await;
        let since = Moment::now();
        std::fs::write(dir.path().join("go"), "").unwrap();
        let late = written_pids(dir.path(), 4).await.split_off(1);
        let report = if orphans_only {
            own.sweep_orphans_since(leader.pid(), since, Next::default())
                .await
        } else {
            own.sweep_since(leader.pid(), since).await
        };
        assert_eq!((report.killed, report.survivors), (dead, 0), "{report:?}");
        let lives = |pid: &&i32| proc::stat(**pid).is_some_and(|stat| !stat.zombie);
        assert_eq!(late.iter().filter(lives).count(), 3 - dead);
        assert!(early.iter().all(|pid| lives(&pid)));
        assert!(proc::stat(leader.pid()).is_some_and(|stat| !stat.zombie));
        turn.owe(&own);
        assert_eq!(turn.owes(), [format!("process-{dead}")]);
        stop(&mut leader, &[]).await.unwrap();
        sweep("since-a", Some(&turn.owes()[0])).await;
        all_gone(&early).await;
    }
}

#[tokio::test]
async fn what_the_next_turn_began_is_not_swept_with_what_the_one_before_left() {
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let own = spawner("next-a", &TaskId::mint(), dir.path()).outliving("process");
    let since = Moment::now();
    let orphan = "(setsid sh -c 'echo $$ >> pids; exec sleep 600' &)";
    let script = format!("{orphan}; while [ ! -e go ]; do sleep 0.02; done; {orphan}; sleep 600");
    let mut leader = own.spawn(&sh(&script), Stdin::Null).unwrap();
    let left = written_pids(dir.path(), 1).await;
    // Moments count in hundredths of a second.
    sleep(Duration::from_millis(30)).await;
    let next = Next::default();
    next.clone().begins();
    std::fs::write(dir.path().join("go"), "").unwrap();
    let new = written_pids(dir.path(), 2).await.split_off(1);
    // The sweep of the turn before comes late.
    let report = own.sweep_orphans_since(leader.pid(), since, next).await;
    assert_eq!((report.killed, report.survivors), (1, 0), "{report:?}");
    all_gone(&left).await;
    assert!(proc::stat(new[0]).is_some_and(|stat| !stat.zombie));
    stop(&mut leader, &[]).await.unwrap();
    own.sweep().await;
    all_gone(&new).await;
}

#[tokio::test]
async fn a_dropped_child_takes_along_descendants_that_hid_their_marker() {
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let task = TaskId::mint();
    let script = "env -i setsid -w sh -c 'echo $$ >> pids; exec sleep 600' & echo $$ >> pids; wait";
    let child = spawner("drop-a", &task, dir.path())
        .spawn(&sh(script), Stdin::Null)
        .unwrap();
    let pids = written_pids(dir.path(), 2).await;
    drop(child);
    sweep("drop-a", Some(task.as_str())).await;
    timeout(Duration::from_secs(5), async {
        while pids.iter().any(|pid| proc::stat(*pid).is_some()) {
            let _ = reap_orphans();
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_orphan_that_died_by_itself_leaves_no_zombie() {
    become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let task = TaskId::mint();
    let script = "(setsid sh -c 'echo $$ >> pids' &); exit 0";
    let mut child = spawner("zombie-a", &task, dir.path())
        .spawn(&sh(script), Stdin::Null)
        .unwrap();
    let pids = written_pids(dir.path(), 1).await;
    assert!(child.wait().await.unwrap().success());
    timeout(Duration::from_secs(5), async {
        while proc::stat(pids[0]).is_some() {
            sweep("zombie-a", Some(task.as_str())).await;
        }
    })
    .await
    .unwrap();
}

/// A sweep comes too early for it: it lives on without the marker and dies when nobody looks.
#[tokio::test]
async fn an_orphan_that_dies_after_the_sweep_leaves_no_zombie() {
    become_subreaper().unwrap();
    let reaping = tokio::spawn(reap_as_they_die());
    let dir = tempfile::tempdir().unwrap();
    let task = TaskId::mint();
    let orphan = "echo $$ >> pids; while [ ! -e go ]; do sleep 0.01; done";
    let script = format!(
        "(env -i PATH=\"$PATH\" setsid sh -c '{orphan}' </dev/null >/dev/null 2>&1 &); exit 0"
    );
    let mut child = spawner("late-a", &task, dir.path())
        .spawn(&sh(&script), Stdin::Null)
        .unwrap();
    let pids = written_pids(dir.path(), 1).await;
    assert!(child.wait().await.unwrap().success());
    assert_eq!(sweep("late-a", Some(task.as_str())).await.survivors, 0);
    assert!(proc::stat(pids[0]).is_some(), "it outlives the sweep");
    std::fs::write(dir.path().join("go"), "").unwrap();
    all_gone(&pids).await;
    reaping.abort();
}

#[tokio::test]
async fn stopping_goes_through_its_steps_and_then_kills() {
    let dir = tempfile::tempdir().unwrap();
    let task = TaskId::mint();
    let stubborn = "trap '' TERM INT; echo $$ >> pids; sleep 600 & wait; sleep 600";
    let mut child = spawner("stop-a", &task, dir.path())
        .spawn(&sh(stubborn), Stdin::Null)
        .unwrap();
    written_pids(dir.path(), 1).await;
    let begun = Instant::now();
    let step = |signal| Stop {
        signal,
        grace: Duration::from_millis(50),
    };
    let steps = [step(StopSignal::Interrupt), step(StopSignal::Terminate)];
    let status = stop(&mut child, &steps).await.unwrap();
    assert!(!status.success());
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_child_sees_its_marker_its_repo_and_no_descriptor_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let task = TaskId::new("t-1").unwrap();
    let _open = std::fs::File::create(dir.path().join("ours-open")).unwrap();
    let script = "echo $FLEET_TURN; pwd; ls -l /proc/self/fd | grep -c ours-open; echo \"${CARGO_MANIFEST_DIR-unset}\"";
    let mut child = spawner("env/a", &task, dir.path())
        .spawn(&sh(script), Stdin::Null)
        .unwrap();
    let mut lines = Lines::new(child.take_stdout().unwrap(), 1_000);
    let mut said = Vec::new();
    while let Some(Line::Text { text, .. }) = lines.next().await.unwrap() {
        said.push(text.trim().to_owned());
    }
    child.wait().await.unwrap();
    let cwd = dir.path().canonicalize().unwrap();
    assert_eq!(said, ["env%2Fa/t-1", cwd.to_str().unwrap(), "0", "unset"]);
}

#[tokio::test]
async fn what_cannot_be_started_is_said_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let task = TaskId::mint();
    let spawner = spawner("missing-a", &task, dir.path());
    let error = |argv: &[&str]| {
        let argv: Vec<String> = argv.iter().map(|arg| (*arg).to_owned()).collect();
        spawner.spawn(&argv, Stdin::Null).unwrap_err().to_string()
    };
    assert!(error(&["no-such-agent"]).contains("on the PATH that the receiver was deployed with"));
    assert!(error(&["./tools/agent"]).contains("/tools/agent"));
    assert!(error(&[]).contains("empty"));
    assert!(spawner.owes().is_empty());
}

#[test]
fn a_program_in_a_relative_directory_of_path_is_not_taken() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let trap = dir.path().join("claude");
    std::fs::write(&trap, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut env = ChildEnv::default();
    env.set("PATH", ".::bin");
    let spawner = Spawner::for_probe("path-a", dir.path().to_path_buf(), env.clone());
    assert_eq!(spawner.find("claude"), None);
    env.set("PATH", dir.path().to_str().unwrap());
    let spawner = Spawner::for_probe("path-a", dir.path().to_path_buf(), env);
    assert_eq!(spawner.find("claude"), Some(trap));
}
