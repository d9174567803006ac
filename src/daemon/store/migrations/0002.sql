-- What a person does to a budget. A table of its own: entries of the ledger belong to dispatches, and SQLite cannot change
-- which kinds its CHECK allows without writing the table anew, which append-only triggers forbid.
-- A top-up counts in the window that its instant is in. A reset leaves out what was spent in ledger entries up to its mark;
-- what open dispatches hold stays held.
CREATE TABLE adjustments (
    adjustment_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    command_id      TEXT NOT NULL UNIQUE,      -- minted by the client: the same command again counts once
    peer            TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('top_up', 'reset')),
    at_ms           INTEGER NOT NULL,
    tokens          INTEGER NOT NULL CHECK (tokens >= 0),
    turns           INTEGER NOT NULL CHECK (turns >= 0),
    micros          INTEGER NOT NULL CHECK (micros >= 0),
    ledger_mark     INTEGER NOT NULL           -- of a reset: the last entry that does not count any more
) STRICT;
CREATE INDEX adjustments_window ON adjustments (peer, at_ms);
CREATE TRIGGER adjustments_never_change BEFORE UPDATE ON adjustments
    BEGIN SELECT RAISE(ABORT, 'adjustments are never changed'); END;
CREATE TRIGGER adjustments_never_shrink BEFORE DELETE ON adjustments
    BEGIN SELECT RAISE(ABORT, 'adjustments are never deleted'); END;

-- What a person was told about a budget: each mark once for a figure in a window, and once more after a person changed
-- the budget (`adjustment_id`, 0 before).
CREATE TABLE budget_notices (
    peer            TEXT NOT NULL,
    figure          TEXT NOT NULL,
    percent         INTEGER NOT NULL,
    window          TEXT NOT NULL,
    window_start_ms INTEGER NOT NULL,
    adjustment_id   INTEGER NOT NULL,
    ends_at_ms      INTEGER,                   -- the end of the window; none for total
    at_ms           INTEGER NOT NULL,
    text            TEXT NOT NULL,
    PRIMARY KEY (peer, figure, percent, window, window_start_ms, adjustment_id)
) STRICT;

-- Every command that changes something, written before its effect; how it ended follows in a row of its own.
-- Bounded: only what is older than the newest 100,000 commands can be deleted, and the store alone does that.
CREATE TABLE audit (
    entry_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms           INTEGER NOT NULL,
    uid             INTEGER NOT NULL,
    pid             INTEGER,
    client          TEXT NOT NULL,
    version         TEXT NOT NULL,
    command         TEXT NOT NULL,             -- in words: ids and sizes, never a token or a contract's content
    peers           TEXT NOT NULL              -- names with a space around each; ' * ' is all of them
) STRICT;
CREATE TABLE audit_outcomes (
    entry_id        INTEGER PRIMARY KEY,
    at_ms           INTEGER NOT NULL,
    outcome         TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_keeps_the_newest BEFORE DELETE ON audit
    WHEN OLD.entry_id > (SELECT coalesce(max(entry_id), 0) - 100000 FROM audit)
    BEGIN SELECT RAISE(ABORT, 'the newest audit entries are never deleted'); END;
CREATE TRIGGER audit_outcomes_never_change BEFORE UPDATE ON audit_outcomes
    BEGIN SELECT RAISE(ABORT, 'audit outcomes are never changed'); END;
CREATE TRIGGER audit_outcomes_keep_the_newest BEFORE DELETE ON audit_outcomes
    WHEN OLD.entry_id > (SELECT coalesce(max(entry_id), 0) - 100000 FROM audit)
    BEGIN SELECT RAISE(ABORT, 'the newest audit outcomes are never deleted'); END;
