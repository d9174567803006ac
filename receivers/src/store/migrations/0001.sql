-- One row per A2A task. status_json is the TaskStatus of the latest change of state, as GetTask shows it.
CREATE TABLE tasks (
    id             TEXT    PRIMARY KEY,
    context_id     TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('submitted', 'working', 'input_required',
                                                     'completed', 'failed', 'canceled', 'rejected')),
    status_json    TEXT    NOT NULL,
    usage_json     TEXT,
    limits_json    TEXT    NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    deadline_at_ms INTEGER NOT NULL,
    changed_at_ms  INTEGER NOT NULL,
    last_seq       INTEGER NOT NULL
) STRICT;

-- One turn at a time per context, held by the database itself.
CREATE UNIQUE INDEX tasks_open_context ON tasks (context_id)
    WHERE state IN ('submitted', 'working', 'input_required');
CREATE INDEX tasks_changed ON tasks (changed_at_ms DESC, id DESC);
CREATE INDEX tasks_context ON tasks (context_id, changed_at_ms DESC);

-- What happened, numbered per task from 1; json is the StreamResponse exactly as it is sent.
CREATE TABLE events (
    task_id TEXT    NOT NULL REFERENCES tasks (id),
    seq     INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind IN ('task', 'status', 'artifact')),
    json    TEXT    NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID;

-- The CLI's own session of a context.
CREATE TABLE sessions (
    context_id    TEXT    PRIMARY KEY,
    session_id    TEXT    NOT NULL,
    changed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every message that was ever taken, answers included: the idempotency keys, and the history of the tasks.
CREATE TABLE messages (
    message_id    TEXT    PRIMARY KEY,
    task_id       TEXT    NOT NULL REFERENCES tasks (id),
    parts_hash    TEXT    NOT NULL,
    context_given TEXT,
    at_ms         INTEGER NOT NULL,
    json          TEXT    NOT NULL
) STRICT;
CREATE INDEX messages_task ON messages (task_id, at_ms);
