-- 0003: metrics of three spans with waits and memory, the memory that runs took, memos.

ALTER TABLE conveyor_finished ADD COLUMN memory TEXT; -- JSON array of bytes before, after and at the peak
ALTER TABLE conveyor_dead ADD COLUMN memory TEXT;

-- Small texts that services keep from one run to the next.
CREATE TABLE conveyor_memo (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;

ALTER TABLE conveyor_metric RENAME TO conveyor_metric_0001;
CREATE TABLE conveyor_metric (
    span   INTEGER NOT NULL,                     -- minutes: 1, 60 or 1440
    minute INTEGER NOT NULL,                     -- the first of the span, since 1970
    type   TEXT NOT NULL,
    queue  TEXT NOT NULL,
    record TEXT NOT NULL,                        -- JSON
    PRIMARY KEY (span, minute, type, queue)
) STRICT, WITHOUT ROWID;
INSERT INTO conveyor_metric (span, minute, type, queue, record)
SELECT 1, minute, type, queue,
       json_object('minute', minute, 'type', type, 'queue', queue, 'completed', completed, 'failed', failed, 'duration_us', duration_us,
                   'buckets', json((SELECT json_group_object(CAST(bucket AS TEXT), runs) FROM conveyor_metric_bucket AS b
                                     WHERE b.minute = m.minute AND b.type = m.type AND b.queue = m.queue)))
  FROM conveyor_metric_0001 AS m;
DROP TABLE conveyor_metric_0001;
DROP TABLE conveyor_metric_bucket;

DROP VIEW conveyor_every;
CREATE VIEW conveyor_every AS
SELECT 'job' AS place, seq, id, queue, type,
       CAST(CASE WHEN stage = 2 THEN 'processing' WHEN retrying THEN 'retrying' ELSE 'pending' END AS TEXT) AS status,
       priority, payload, options, attempt, failures, crashes, max_crashes, pushed_at, due AS due_at, expires_at,
       unique_key, lease_until, worker, cancel_requested, started_at, CAST(NULL AS INTEGER) AS finished_at,
       CAST(NULL AS TEXT) AS result, CAST(NULL AS TEXT) AS reason, note, CAST(stage = 3 AS INTEGER) AS held, errors,
       CAST(NULL AS TEXT) AS memory
  FROM conveyor_job
UNION ALL
SELECT 'finished', seq, id, queue, type, status, priority, payload, options, attempt, failures, crashes, max_crashes,
       pushed_at, due, expires_at, unique_key, CAST(NULL AS INTEGER), worker, CAST(0 AS INTEGER), started_at, finished_at,
       result, CAST(NULL AS TEXT), note, CAST(0 AS INTEGER), errors, memory
  FROM conveyor_finished
UNION ALL
SELECT 'dead', seq, id, queue, type, status, priority, payload, options, attempt, failures, crashes, max_crashes,
       pushed_at, due, expires_at, unique_key, CAST(NULL AS INTEGER), worker, CAST(0 AS INTEGER), started_at, finished_at,
       CAST(NULL AS TEXT), reason, note, CAST(0 AS INTEGER), errors, memory
  FROM conveyor_dead;
