-- 0001: the first schema. Text ids and JSON keep the file readable with any SQLite tool.

-- Jobs that are still to be done. Small while workers keep up: what has ended moves to the two tables below.
CREATE TABLE conveyor_job (
    seq              INTEGER PRIMARY KEY,        -- the order of pushing
    id               TEXT NOT NULL UNIQUE,
    queue            TEXT NOT NULL,
    type             TEXT NOT NULL,
    priority         INTEGER NOT NULL,
    stage            INTEGER NOT NULL,           -- 0 delayed, 1 ready, 2 processing, 3 held
    retrying         INTEGER NOT NULL DEFAULT 0, -- waiting after a failure
    due              INTEGER NOT NULL,           -- when it became, or becomes, ready
    pushed_at        INTEGER NOT NULL,
    attempt          INTEGER NOT NULL DEFAULT 0,
    failures         INTEGER NOT NULL DEFAULT 0,
    crashes          INTEGER NOT NULL DEFAULT 0,
    max_crashes      INTEGER NOT NULL,
    payload          TEXT NOT NULL,
    options          TEXT,
    expires_at       INTEGER,
    unique_key       TEXT,
    lease_until      INTEGER,
    worker           TEXT,
    started_at       INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    note             TEXT,
    errors           TEXT                        -- JSON array of failures, oldest first
) STRICT;

-- Partial indexes: each stage is searched apart, so a backlog in one never slows another.
CREATE INDEX conveyor_job_ready ON conveyor_job (queue, priority, due) WHERE stage = 1;
CREATE INDEX conveyor_job_delayed ON conveyor_job (queue, due) WHERE stage = 0;
CREATE INDEX conveyor_job_processing ON conveyor_job (lease_until) WHERE stage = 2;
CREATE INDEX conveyor_job_held ON conveyor_job (type) WHERE stage = 3;
CREATE INDEX conveyor_job_expiring ON conveyor_job (queue, expires_at) WHERE expires_at IS NOT NULL;
CREATE UNIQUE INDEX conveyor_job_unique ON conveyor_job (queue, unique_key) WHERE unique_key IS NOT NULL;

-- History: completed and cancelled jobs, in the order in which they ended.
CREATE TABLE conveyor_finished (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    queue       TEXT NOT NULL,
    type        TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    status      TEXT NOT NULL,
    due         INTEGER NOT NULL,
    pushed_at   INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    crashes     INTEGER NOT NULL,
    max_crashes INTEGER NOT NULL,
    payload     TEXT NOT NULL,
    options     TEXT,
    expires_at  INTEGER,
    unique_key  TEXT,
    worker      TEXT,
    started_at  INTEGER,
    finished_at INTEGER NOT NULL,
    result      TEXT,
    note        TEXT,
    errors      TEXT
) STRICT;

-- Dead letters: failed and expired jobs, until a person redrives or forgets them.
CREATE TABLE conveyor_dead (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    queue       TEXT NOT NULL,
    type        TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    status      TEXT NOT NULL,
    due         INTEGER NOT NULL,
    pushed_at   INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    crashes     INTEGER NOT NULL,
    max_crashes INTEGER NOT NULL,
    payload     TEXT NOT NULL,
    options     TEXT,
    expires_at  INTEGER,
    unique_key  TEXT,
    worker      TEXT,
    started_at  INTEGER,
    finished_at INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    note        TEXT,
    errors      TEXT
) STRICT;

-- Statistics are these counters, never a scan. The first six say how many there are now.
CREATE TABLE conveyor_counter (
    queue      TEXT NOT NULL,
    priority   INTEGER NOT NULL,
    ready      INTEGER NOT NULL DEFAULT 0,
    delayed    INTEGER NOT NULL DEFAULT 0,
    held       INTEGER NOT NULL DEFAULT 0,
    processing INTEGER NOT NULL DEFAULT 0,
    dead       INTEGER NOT NULL DEFAULT 0,
    finished   INTEGER NOT NULL DEFAULT 0,
    pushed     INTEGER NOT NULL DEFAULT 0,
    popped     INTEGER NOT NULL DEFAULT 0,
    completed  INTEGER NOT NULL DEFAULT 0,
    failed     INTEGER NOT NULL DEFAULT 0,
    retried    INTEGER NOT NULL DEFAULT 0,
    cancelled  INTEGER NOT NULL DEFAULT 0,
    last_at    INTEGER,
    PRIMARY KEY (queue, priority)
) STRICT, WITHOUT ROWID;

CREATE TABLE conveyor_paused (queue TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE conveyor_slot (
    name     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    id       TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (name, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX conveyor_slot_age ON conveyor_slot (taken_at);

CREATE TABLE conveyor_worker (name TEXT PRIMARY KEY, record TEXT NOT NULL, beat_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE conveyor_progress (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE conveyor_lock (
    name       TEXT PRIMARY KEY,
    owner      TEXT,                             -- NULL: given up; the row stays, so that the fence goes on growing
    fence      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conveyor_metric (
    minute      INTEGER NOT NULL,
    type        TEXT NOT NULL,
    queue       TEXT NOT NULL,
    completed   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    PRIMARY KEY (minute, type, queue)
) STRICT, WITHOUT ROWID;

CREATE TABLE conveyor_metric_bucket (
    minute INTEGER NOT NULL,
    type   TEXT NOT NULL,
    queue  TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    runs   INTEGER NOT NULL,
    PRIMARY KEY (minute, type, queue, bucket)
) STRICT, WITHOUT ROWID;

-- Every job wherever it is in its life, in the words of `records.StoredJob`. `place` lets a search leave tables out.
-- The casts give each column one affinity in all three parts: only then does SQLite search each part by its indexes.
CREATE VIEW conveyor_every AS
SELECT 'job' AS place, seq, id, queue, type,
       CAST(CASE WHEN stage = 2 THEN 'processing' WHEN retrying THEN 'retrying' ELSE 'pending' END AS TEXT) AS status,
       priority, payload, options, attempt, failures, crashes, max_crashes, pushed_at, due AS due_at, expires_at,
       unique_key, lease_until, worker, cancel_requested, started_at, CAST(NULL AS INTEGER) AS finished_at,
       CAST(NULL AS TEXT) AS result, CAST(NULL AS TEXT) AS reason, note, CAST(stage = 3 AS INTEGER) AS held, errors
  FROM conveyor_job
UNION ALL
SELECT 'finished', seq, id, queue, type, status, priority, payload, options, attempt, failures, crashes, max_crashes,
       pushed_at, due, expires_at, unique_key, CAST(NULL AS INTEGER), worker, CAST(0 AS INTEGER), started_at, finished_at,
       result, CAST(NULL AS TEXT), note, CAST(0 AS INTEGER), errors
  FROM conveyor_finished
UNION ALL
SELECT 'dead', seq, id, queue, type, status, priority, payload, options, attempt, failures, crashes, max_crashes,
       pushed_at, due, expires_at, unique_key, CAST(NULL AS INTEGER), worker, CAST(0 AS INTEGER), started_at, finished_at,
       CAST(NULL AS TEXT), reason, note, CAST(0 AS INTEGER), errors
  FROM conveyor_dead;

CREATE TABLE conveyor_schema (version INTEGER NOT NULL) STRICT;
INSERT INTO conveyor_schema (version) VALUES (1);
