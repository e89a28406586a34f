-- 0001: the tables of a history. They may share a file with a store: names begin with conveyor_history.

CREATE TABLE conveyor_history_schema (version INTEGER NOT NULL) STRICT;
INSERT INTO conveyor_history_schema (version) VALUES (0);

-- Every job that was pushed, as far as it has come.
CREATE TABLE conveyor_history_job (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    queue       TEXT NOT NULL,
    type        TEXT NOT NULL,
    status      TEXT NOT NULL,
    version     INTEGER NOT NULL,                -- eight times the attempt, and how far that has come: see moves.py
    priority    INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    crashes     INTEGER NOT NULL,
    max_crashes INTEGER NOT NULL,
    pushed_at   INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    expires_at  INTEGER,
    changed_at  INTEGER NOT NULL,                -- when it came to its status
    payload     TEXT NOT NULL,
    options     TEXT NOT NULL,
    unique_key  TEXT,
    is_alone    INTEGER NOT NULL DEFAULT 0,      -- whether its key lets no other job be active, whatever that one has behind it
    slot        TEXT,
    slot_at     INTEGER,
    worker      TEXT,
    result      TEXT,
    reason      TEXT,
    note        TEXT
) STRICT;

CREATE INDEX conveyor_history_counted ON conveyor_history_job (queue, status);
CREATE INDEX conveyor_history_open ON conveyor_history_job (id) WHERE status IN ('pending', 'processing', 'retrying');
CREATE INDEX conveyor_history_ended ON conveyor_history_job (changed_at) WHERE status IN ('completed', 'failed', 'cancelled', 'expired');
CREATE INDEX conveyor_history_expiring ON conveyor_history_job (expires_at) WHERE status = 'pending' AND expires_at IS NOT NULL;

-- What has happened to them since.
CREATE TABLE conveyor_history_event (
    job     TEXT NOT NULL,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    status  TEXT NOT NULL,
    worker  TEXT,
    due_at  INTEGER,
    note    TEXT,
    failure TEXT,                                -- as JSON
    PRIMARY KEY (job, version)
) STRICT, WITHOUT ROWID;
