-- 0001: the tables. Names stand without a schema: migrations run with the search path set to conveyor's own.

CREATE TABLE schema_version (version integer NOT NULL);
INSERT INTO schema_version (version) VALUES (0);

-- Jobs that are still to be done: narrow, and small while workers keep up, for what has ended moves to the tables below.
-- Columns are ordered by alignment, which spares some twenty bytes a row.
CREATE SEQUENCE job_seq;
CREATE TABLE job (
    id               uuid PRIMARY KEY,
    seq              bigint NOT NULL DEFAULT nextval('job_seq'), -- the order of pushing
    due              bigint NOT NULL,            -- when it became, or becomes, ready
    score            bigint NOT NULL,            -- its place among the ready ones, lowest first: see priority.Aging
    pushed_at        bigint NOT NULL,
    expires_at       bigint,
    lease_until      bigint,
    started_at       bigint,
    attempt          integer NOT NULL DEFAULT 0,
    failures         integer NOT NULL DEFAULT 0,
    crashes          integer NOT NULL DEFAULT 0,
    max_crashes      integer NOT NULL,
    priority         smallint NOT NULL,
    stage            smallint NOT NULL,          -- 0 delayed, 1 ready, 2 processing, 3 held
    retrying         boolean NOT NULL DEFAULT false, -- waiting after a failure
    cancel_requested boolean NOT NULL DEFAULT false,
    queue            text COLLATE "C" NOT NULL,
    type             text COLLATE "C" NOT NULL,
    payload          text NOT NULL,
    options          text,
    unique_key       text COLLATE "C",
    worker           text COLLATE "C",
    note             text,
    errors           text[]                      -- each failure as JSON, oldest first
) WITH (
    -- Full pages: every step of a job changes what its partial indexes say, so no new version can spare them for lying beside the old
    -- one. Room in the pages was measured to change nothing but the size.
    fillfactor = 100,
    -- The table lives by being vacuumed: soon, at full speed, and without the lock that giving pages back would take.
    autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_threshold = 10000, autovacuum_analyze_scale_factor = 0.1, vacuum_truncate = false
);
ALTER SEQUENCE job_seq OWNED BY job.seq;

-- Partial indexes: each stage is searched apart, so a backlog in one never slows another.
CREATE INDEX job_ready ON job (queue, priority, score, seq) WHERE stage = 1;
CREATE INDEX job_delayed ON job (queue, due, seq) WHERE stage = 0;
CREATE INDEX job_processing ON job (lease_until, seq) WHERE stage = 2;
CREATE INDEX job_held ON job (type, seq) WHERE stage = 3;
CREATE INDEX job_expiring ON job (queue, expires_at, seq) WHERE expires_at IS NOT NULL AND stage <> 2 AND NOT retrying;
CREATE UNIQUE INDEX job_unique ON job (queue, unique_key) WHERE unique_key IS NOT NULL;

-- History: completed and cancelled jobs. A partition for each day (UTC), made by `keep_days`, so that a day goes at once;
-- what no day takes is in history_rest.
CREATE SEQUENCE history_seq;
CREATE TABLE history (
    id           uuid NOT NULL,
    seq          bigint NOT NULL,                -- the order in which they ended
    due          bigint NOT NULL,
    pushed_at    bigint NOT NULL,
    expires_at   bigint,
    started_at   bigint,
    finished_at  bigint NOT NULL,
    attempt      integer NOT NULL,
    failures     integer NOT NULL,
    crashes      integer NOT NULL,
    max_crashes  integer NOT NULL,
    priority     smallint NOT NULL,
    is_cancelled boolean NOT NULL,
    queue        text COLLATE "C" NOT NULL,
    type         text COLLATE "C" NOT NULL,
    payload      text NOT NULL,
    options      text,
    unique_key   text COLLATE "C",
    worker       text COLLATE "C",
    result       text,
    note         text,
    errors       text[],
    memory       text                            -- what the run took that ended it: JSON array of bytes before, after, at the peak
) PARTITION BY RANGE (finished_at);
ALTER SEQUENCE history_seq OWNED BY history.seq;
CREATE INDEX history_id ON history (id);
CREATE INDEX history_order ON history (seq);
CREATE TABLE history_rest PARTITION OF history DEFAULT;

-- How many jobs of the history ended on each day: to be summed up, like `counter`.
CREATE TABLE ended (day integer NOT NULL, jobs bigint NOT NULL);

-- Dead letters: failed and expired jobs, until a person redrives or forgets them.
CREATE SEQUENCE dead_seq;
CREATE TABLE dead (
    id          uuid PRIMARY KEY,
    seq         bigint NOT NULL UNIQUE,          -- the order in which they ended
    due         bigint NOT NULL,
    pushed_at   bigint NOT NULL,
    expires_at  bigint,
    started_at  bigint,
    finished_at bigint NOT NULL,
    attempt     integer NOT NULL,
    failures    integer NOT NULL,
    crashes     integer NOT NULL,
    max_crashes integer NOT NULL,
    priority    smallint NOT NULL,
    queue       text COLLATE "C" NOT NULL,
    type        text COLLATE "C" NOT NULL,
    payload     text NOT NULL,
    options     text,
    unique_key  text COLLATE "C",
    worker      text COLLATE "C",
    status      text NOT NULL,
    reason      text NOT NULL,
    note        text,
    errors      text[],
    memory      text
);
ALTER SEQUENCE dead_seq OWNED BY dead.seq;
CREATE INDEX dead_unique ON dead (queue, unique_key, seq) WHERE unique_key IS NOT NULL;

-- Statistics are these counters, never a scan of jobs. A step adds a row of what it changed and waits for nobody; what
-- counts is the sum, and `fold` makes one row of many. The first five say how many there are now.
CREATE TABLE counter (
    ready      bigint NOT NULL DEFAULT 0,
    delayed    bigint NOT NULL DEFAULT 0,
    held       bigint NOT NULL DEFAULT 0,
    processing bigint NOT NULL DEFAULT 0,
    dead       bigint NOT NULL DEFAULT 0,
    pushed     bigint NOT NULL DEFAULT 0,
    popped     bigint NOT NULL DEFAULT 0,
    completed  bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    retried    bigint NOT NULL DEFAULT 0,
    cancelled  bigint NOT NULL DEFAULT 0,
    last_at    bigint,
    priority   smallint NOT NULL,
    queue      text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = false);

CREATE TABLE paused (queue text COLLATE "C" PRIMARY KEY);

CREATE TABLE slot (
    name     text COLLATE "C" NOT NULL,
    at       bigint NOT NULL,
    id       uuid NOT NULL,
    taken_at bigint NOT NULL,
    PRIMARY KEY (name, at)
);
CREATE INDEX slot_age ON slot (taken_at);

CREATE TABLE worker (name text COLLATE "C" PRIMARY KEY, record text NOT NULL, beat_at bigint NOT NULL) WITH (fillfactor = 50);

CREATE TABLE progress (id uuid PRIMARY KEY, record text NOT NULL, updated_at bigint NOT NULL) WITH (fillfactor = 70);

CREATE TABLE lock (
    name       text COLLATE "C" PRIMARY KEY,
    owner      text,                             -- NULL: given up; the row stays, so that the fence goes on growing
    fence      bigint NOT NULL,
    expires_at bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE metric (
    span        integer NOT NULL,                -- minutes: 1, 60 or 1440
    minute      bigint NOT NULL,                 -- the first of the span, since 1970
    completed   bigint NOT NULL,
    failed      bigint NOT NULL,
    retried     bigint NOT NULL,
    duration_us bigint NOT NULL,
    waited_us   bigint NOT NULL,
    type        text COLLATE "C" NOT NULL,
    queue       text COLLATE "C" NOT NULL,
    buckets     jsonb NOT NULL,                  -- runs by the number of their bucket
    waits       jsonb NOT NULL,
    memory      jsonb NOT NULL,
    PRIMARY KEY (span, minute, type, queue)
) WITH (fillfactor = 70);

CREATE TABLE schedule (
    name       text COLLATE "C" PRIMARY KEY,
    spec       text NOT NULL,                    -- when it pushes what, as JSON; empty: declared in code
    paused     boolean NOT NULL,
    handled_at bigint NOT NULL                   -- its slots up to this moment are taken, or passed over
);

-- Small texts that services keep from one run to the next.
CREATE TABLE memo (name text COLLATE "C" PRIMARY KEY, text text NOT NULL);

-- Who waits for which queues, and may be told until when (by the server's own clock). It means nothing after a crash, so
-- it is not logged.
CREATE UNLOGGED TABLE waiter (id uuid PRIMARY KEY, queues text[] NOT NULL, until timestamptz NOT NULL) WITH (fillfactor = 50);

-- Every job wherever it is in its life, in the words and the order of `records.StoredJob`. `place` lets a search leave
-- tables out.
CREATE VIEW every AS
SELECT 'job' AS place, id, queue, type,
       CASE WHEN stage = 2 THEN 'processing' WHEN retrying THEN 'retrying' ELSE 'pending' END AS status,
       priority, payload, options, attempt, failures, crashes, max_crashes, pushed_at, due AS due_at, expires_at, unique_key,
       lease_until, worker, cancel_requested, started_at, NULL::bigint AS finished_at, NULL::text AS result,
       NULL::text AS reason, note, stage = 3 AS held, errors, NULL::text AS memory
  FROM job
UNION ALL
SELECT 'history', id, queue, type, CASE WHEN is_cancelled THEN 'cancelled' ELSE 'completed' END,
       priority, payload, options, attempt, failures, crashes, max_crashes, pushed_at, due, expires_at, unique_key,
       NULL::bigint, worker, false, started_at, finished_at, result, NULL::text, note, false, errors, memory
  FROM history
UNION ALL
SELECT 'dead', id, queue, type, status,
       priority, payload, options, attempt, failures, crashes, max_crashes, pushed_at, due, expires_at, unique_key,
       NULL::bigint, worker, false, started_at, finished_at, NULL::text, reason, note, false, errors, memory
  FROM dead;
