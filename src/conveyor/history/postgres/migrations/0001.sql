-- 0001: the tables of a history. They may share a schema with a store: names begin with history_. They run with the search
-- path set to the schema.

CREATE TABLE history_schema (version integer NOT NULL);
INSERT INTO history_schema (version) VALUES (0);

-- Every job that was pushed, as far as it has come.
CREATE TABLE history_job (
    id          uuid PRIMARY KEY,
    version     bigint NOT NULL,                 -- eight times the attempt, and how far that has come: see moves.py
    pushed_at   bigint NOT NULL,
    due_at      bigint NOT NULL,
    expires_at  bigint,
    changed_at  bigint NOT NULL,                 -- when it came to its status
    slot_at     bigint,
    attempt     integer NOT NULL,
    failures    integer NOT NULL,
    crashes     integer NOT NULL,
    max_crashes integer NOT NULL,
    priority    smallint NOT NULL,
    is_alone    boolean NOT NULL DEFAULT false,  -- whether its key lets no other job be active, whatever that one has behind it
    queue       text COLLATE "C" NOT NULL,
    type        text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    payload     text NOT NULL,
    options     text NOT NULL,
    unique_key  text,
    slot        text,
    worker      text,
    result      text,
    reason      text COLLATE "C",
    note        text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX history_job_counted ON history_job (queue, status);
CREATE INDEX history_job_open ON history_job (id) WHERE status IN ('pending', 'processing', 'retrying');
CREATE INDEX history_job_ended ON history_job (changed_at) WHERE status IN ('completed', 'failed', 'cancelled', 'expired');
CREATE INDEX history_job_expiring ON history_job (expires_at) WHERE status = 'pending' AND expires_at IS NOT NULL;

-- What has happened to them since.
CREATE TABLE history_event (
    job     uuid NOT NULL,
    version bigint NOT NULL,
    at      bigint NOT NULL,
    due_at  bigint,
    status  text COLLATE "C" NOT NULL,
    worker  text,
    note    text,
    failure text,                                -- as JSON
    PRIMARY KEY (job, version)
);
