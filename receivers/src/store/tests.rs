use std::path::Path;

use fleet_a2a::{ContextId, MessageId, TaskId};

use super::*;

async fn open(dir: &Path) -> Store {
    Store::open(&dir.join("tasks.db")).await.unwrap()
}

fn message(id: &str, hash: &str, context: Option<&str>) -> StoredMessage {
    StoredMessage {
        message_id: MessageId::new(id).unwrap(),
        parts_hash: hash.to_owned(),
        context_given: context.map(|text| ContextId::new(text).unwrap()),
        task_given: None,
        json: "{}".to_owned(),
    }
}

fn newcomer(task: &str, context: &str) -> Newcomer {
    Newcomer {
        task: TaskRow {
            id: TaskId::new(task).unwrap(),
            context_id: ContextId::new(context).unwrap(),
            state: TaskState::Submitted,
            status_json: "{}".to_owned(),
            usage_json: None,
            limits_json: "{}".to_owned(),
            accepted_at_ms: 1,
            deadline_at_ms: 2,
            changed_at_ms: 1,
            last_seq: 1,
        },
        event_json: "{\"task\":{}}".to_owned(),
        begun_json: None,
        max_open: 3,
    }
}

fn end(state: TaskState) -> Append {
    Append {
        events: vec![("status", "{\"end\":1}".to_owned())],
        status: Some(StatusChange {
            state,
            status_json: "{\"ended\":true}".to_owned(),
        }),
        at_ms: 9,
        ..Append::default()
    }
}

#[tokio::test]
async fn a_message_makes_one_task() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let first = message("m1", "h1", None);
    assert_eq!(
        store
            .accept(&first, Some(&newcomer("t1", "c1")))
            .await
            .unwrap(),
        Accepted::Created
    );

    let t1 = TaskId::new("t1").unwrap();
    let again = store
        .accept(&first, Some(&newcomer("t2", "c2")))
        .await
        .unwrap();
    assert_eq!(again, Accepted::Known(t1.clone()));
    // The context that the receiver chose may be named on the second try, another one may not.
    let named = store
        .accept(
            &message("m1", "h1", Some("c1")),
            Some(&newcomer("t2", "c1")),
        )
        .await;
    assert_eq!(named.unwrap(), Accepted::Known(t1.clone()));
    let other = store
        .accept(
            &message("m1", "h1", Some("c9")),
            Some(&newcomer("t2", "c9")),
        )
        .await;
    assert_eq!(other.unwrap(), Accepted::Conflict(t1.clone()));
    let parts = store
        .accept(&message("m1", "h2", None), Some(&newcomer("t2", "c2")))
        .await;
    assert_eq!(parts.unwrap(), Accepted::Conflict(t1));
    assert_eq!(store.open_tasks().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_context_is_busy_until_its_task_ends() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let t1 = TaskId::new("t1").unwrap();
    store
        .accept(&message("m1", "h", Some("c")), Some(&newcomer("t1", "c")))
        .await
        .unwrap();
    let second = message("m2", "h", Some("c"));
    assert_eq!(
        store
            .accept(&second, Some(&newcomer("t2", "c")))
            .await
            .unwrap(),
        Accepted::Busy {
            task: t1.clone(),
            context: ContextId::new("c").unwrap()
        }
    );
    assert_eq!(store.append(&t1, &end(TaskState::Failed)).await.unwrap(), 2);
    assert_eq!(
        store
            .accept(&second, Some(&newcomer("t2", "c")))
            .await
            .unwrap(),
        Accepted::Created
    );
}

#[tokio::test]
async fn the_first_end_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let t1 = TaskId::new("t1").unwrap();
    store
        .accept(&message("m1", "h", None), Some(&newcomer("t1", "c")))
        .await
        .unwrap();
    store.append(&t1, &end(TaskState::Canceled)).await.unwrap();
    let late = store.append(&t1, &end(TaskState::Completed)).await;
    assert!(matches!(late, Err(StoreError::Ended)));
    assert_eq!(
        store.task(&t1).await.unwrap().unwrap().state,
        TaskState::Canceled
    );
    assert_eq!(store.events(&t1, 0, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_message_that_names_a_task_is_judged_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let t1 = TaskId::new("t1").unwrap();
    store
        .accept(&message("m1", "h", None), Some(&newcomer("t1", "c")))
        .await
        .unwrap();
    let mut second = message("m2", "h", None);
    second.task_given = Some(t1.clone());
    let at = |store: Store, second: StoredMessage| async move {
        store
            .accept(&second, Some(&newcomer("t2", "c2")))
            .await
            .unwrap()
    };
    assert!(matches!(
        at(store.clone(), second.clone()).await,
        Accepted::Busy { .. }
    ));
    let asking = Append {
        status: end(TaskState::InputRequired).status,
        ..Append::default()
    };
    store.append(&t1, &asking).await.unwrap();
    assert_eq!(
        at(store.clone(), second.clone()).await,
        Accepted::Answer(t1.clone())
    );
    let mut elsewhere = second.clone();
    elsewhere.context_given = Some(ContextId::new("other").unwrap());
    assert_eq!(
        at(store.clone(), elsewhere).await,
        Accepted::OtherContext(t1.clone())
    );
    store.append(&t1, &end(TaskState::Completed)).await.unwrap();
    assert_eq!(
        at(store.clone(), second.clone()).await,
        Accepted::TaskEnded(t1)
    );
    second.task_given = Some(TaskId::new("nobody").unwrap());
    assert!(matches!(
        at(store.clone(), second).await,
        Accepted::NoTask(_)
    ));
}

#[tokio::test]
async fn open_tasks_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in 0..3 {
        let (task, context) = (format!("t{n}"), format!("c{n}"));
        let made = store
            .accept(
                &message(&format!("m{n}"), "h", None),
                Some(&newcomer(&task, &context)),
            )
            .await;
        assert_eq!(made.unwrap(), Accepted::Created);
    }
    let full = store
        .accept(&message("m9", "h", None), Some(&newcomer("t9", "c9")))
        .await;
    assert_eq!(full.unwrap(), Accepted::Full);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in 0..3_i64 {
        let mut new = newcomer(&format!("t{n}"), &format!("c{n}"));
        new.task.changed_at_ms = n / 2;
        store
            .accept(&message(&format!("m{n}"), "h", None), Some(&new))
            .await
            .unwrap();
    }
    let filter = TaskFilter::default();
    let first = store.list(&filter, None, 2).await.unwrap();
    assert_eq!((first.total, first.tasks.len()), (3, 3));
    assert_eq!(first.tasks[0].id.as_str(), "t2");
    let after = PageAfter {
        changed_at_ms: first.tasks[1].changed_at_ms,
        id: first.tasks[1].id.to_string(),
    };
    let second = store.list(&filter, Some(&after), 2).await.unwrap();
    assert_eq!(second.tasks.len(), 1);
    assert_eq!(second.tasks[0].id.as_str(), "t0");
    let filter = TaskFilter {
        context: Some(ContextId::new("c1").unwrap()),
        state: Some(TaskState::Submitted),
        changed_from_ms: Some(0),
    };
    assert_eq!(store.list(&filter, None, 2).await.unwrap().total, 1);
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let context = ContextId::new("c").unwrap();
    {
        let store = open(dir.path()).await;
        store
            .accept(&message("m1", "h", None), Some(&newcomer("t1", "c")))
            .await
            .unwrap();
        store.remember_session(&context, "s1", 1).await.unwrap();
        store.remember_session(&context, "s2", 2).await.unwrap();
        store.close().await;
    }
    let store = open(dir.path()).await;
    assert_eq!(
        store.session(&context).await.unwrap().as_deref(),
        Some("s2")
    );
    assert_eq!(store.open_tasks().await.unwrap().len(), 1);
    assert_eq!(
        store
            .messages(&TaskId::new("t1").unwrap(), 10)
            .await
            .unwrap(),
        ["{}"]
    );
    use std::os::unix::fs::MetadataExt;
    for name in ["tasks.db", "tasks.db-wal", "tasks.db-shm"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    sqlx::raw_sql("PRAGMA user_version = 99")
        .execute(&store.writer)
        .await
        .unwrap();
    store.close().await;
    let error = Store::open(&dir.path().join("tasks.db")).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error}"
    );
}
