-- 0002: stored schedules, and dead letters found by their unique key.

CREATE TABLE conveyor_schedule (
    name       TEXT PRIMARY KEY,
    spec       TEXT NOT NULL,                    -- when it pushes what, as JSON; empty: declared in code
    paused     INTEGER NOT NULL,
    handled_at INTEGER NOT NULL                  -- its slots up to this moment are taken, or passed over
) STRICT, WITHOUT ROWID;

CREATE INDEX conveyor_dead_unique ON conveyor_dead (queue, unique_key) WHERE unique_key IS NOT NULL;
