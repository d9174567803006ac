-- The first schema. A migration is never edited once it was released: the next number follows.

CREATE TABLE dispatches (
    dispatch_id       TEXT PRIMARY KEY,
    peer              TEXT NOT NULL,
    state             TEXT NOT NULL,
    reason            TEXT,
    contract          TEXT NOT NULL,           -- the validated contract, JSON
    request_hash      TEXT NOT NULL,           -- peer, contract, context: the same id with another hash is refused
    content_hash      TEXT NOT NULL,           -- instruction, brief and expectation: what the guard compares
    context_id        TEXT NOT NULL,           -- ours
    context_named     INTEGER NOT NULL,        -- a person chose it
    again             INTEGER NOT NULL,        -- a second run of the same content was meant
    message_id        TEXT NOT NULL,           -- stable over attempts
    task_id           TEXT,                    -- the peer's
    peer_context_id   TEXT,                    -- the peer's, where it chose one
    accepted_at_ms    INTEGER NOT NULL,
    deadline_at_ms    INTEGER NOT NULL,
    ended_at_ms       INTEGER,
    cancel_at_ms      INTEGER,                 -- when a person asked for the end
    granted           TEXT NOT NULL,           -- JSON
    usage             TEXT NOT NULL,           -- JSON, running totals
    transcript_base   TEXT NOT NULL,           -- the folder whose parents are trusted
    transcript_rel    TEXT NOT NULL,           -- below it, opened without following links
    transcript_offset INTEGER,                 -- where this dispatch's lines begin, in bytes
    transcript_seq    INTEGER NOT NULL DEFAULT 0,
    last_event        TEXT NOT NULL DEFAULT '',-- the last thing worth a line
    outcome           TEXT NOT NULL            -- reply, artifacts, refusals, verification, error: JSON
) STRICT;

-- The guard. An unresolved unknown counts as open: it may still run.
CREATE UNIQUE INDEX dispatches_open_context ON dispatches (peer, context_id)
    WHERE state IN ('queued', 'sending', 'working', 'input_required', 'unknown');
CREATE UNIQUE INDEX dispatches_open_content ON dispatches (peer, content_hash)
    WHERE context_named = 0 AND again = 0
      AND state IN ('queued', 'sending', 'working', 'input_required', 'unknown');
CREATE INDEX dispatches_newest ON dispatches (accepted_at_ms DESC);
CREATE INDEX dispatches_of_peer ON dispatches (peer, accepted_at_ms DESC);
CREATE INDEX dispatches_open ON dispatches (state)
    WHERE state IN ('queued', 'sending', 'working', 'input_required', 'unknown');

CREATE TABLE attempts (
    attempt_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    dispatch_id   TEXT NOT NULL REFERENCES dispatches (dispatch_id),
    address       TEXT NOT NULL,               -- where it was sent
    instance      TEXT,                        -- the receiver's instance id, for a receiver of ours
    idempotent    INTEGER NOT NULL,            -- whether its card lists our extension
    started_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,
    detail        TEXT                         -- why it ended without an accepted task
) STRICT;
CREATE INDEX attempts_of_dispatch ON attempts (dispatch_id, attempt_id);

CREATE TABLE answers (
    message_id      TEXT PRIMARY KEY,          -- minted before the first POST, stable over retries
    dispatch_id     TEXT NOT NULL REFERENCES dispatches (dispatch_id),
    request_id      TEXT NOT NULL,
    decision        TEXT NOT NULL,
    reason          TEXT,
    created_at_ms   INTEGER NOT NULL,
    settled_at_ms   INTEGER,                   -- delivered, or its request is over
    UNIQUE (dispatch_id, request_id)
) STRICT;

-- Entries are signed: a grant holds, a settle releases what was held and says what was spent, a correction adds to it.
-- All entries of a dispatch carry the instant of its grant, so that they count in the grant's window.
CREATE TABLE ledger (
    entry_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    dispatch_id     TEXT NOT NULL REFERENCES dispatches (dispatch_id),
    peer            TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('grant', 'settle', 'correction')),
    granted_at_ms   INTEGER NOT NULL,
    at_ms           INTEGER NOT NULL,
    held_tokens     INTEGER NOT NULL,
    held_turns      INTEGER NOT NULL,
    held_micros     INTEGER NOT NULL,
    spent_tokens    INTEGER NOT NULL,
    spent_turns     INTEGER NOT NULL,
    spent_micros    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX ledger_one_grant ON ledger (dispatch_id) WHERE kind = 'grant';
CREATE UNIQUE INDEX ledger_one_settle ON ledger (dispatch_id) WHERE kind = 'settle';
CREATE INDEX ledger_window ON ledger (peer, granted_at_ms, held_tokens, held_turns, held_micros,
    spent_tokens, spent_turns, spent_micros);
CREATE TRIGGER ledger_never_changes BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER ledger_never_shrinks BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'ledger entries are never deleted'); END;

CREATE TABLE receivers (
    peer            TEXT PRIMARY KEY,
    receiver_id     TEXT NOT NULL,
    should_run      INTEGER NOT NULL,
    port            INTEGER UNIQUE,            -- claimed, over all peers of all modes
    pid             INTEGER,
    start_time      INTEGER,
    boot_id         TEXT,
    instance        TEXT,
    failures        TEXT NOT NULL,             -- JSON, the supervisor's own
    parked_reason   TEXT
) STRICT;
