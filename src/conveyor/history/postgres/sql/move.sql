-- move.sql: note how far jobs have come: each as far as it has come at all, in whatever order that is told.
-- in:  rows (JSON arrays: the columns in the order below; each job once, by id)
-- out: nothing
INSERT INTO history.history_job (
    id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
    expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note)
SELECT (j ->> 0)::uuid, j ->> 1, j ->> 2, j ->> 3, (j ->> 4)::bigint, (j ->> 5)::smallint, (j ->> 6)::integer,
       (j ->> 7)::integer, (j ->> 8)::integer, (j ->> 9)::integer, (j ->> 10)::bigint, (j ->> 11)::bigint,
       (j ->> 12)::bigint, (j ->> 13)::bigint, j ->> 14, j ->> 15, j ->> 16, (j ->> 17)::boolean, j ->> 18,
       (j ->> 19)::bigint, j ->> 20, j ->> 21, j ->> 22, j ->> 23
  FROM json_array_elements(%(rows)s::json) AS j
 WHERE true
    ON CONFLICT (id) DO UPDATE
   SET queue = excluded.queue, type = excluded.type, status = excluded.status, version = excluded.version,
       priority = excluded.priority, attempt = excluded.attempt, failures = excluded.failures,
       crashes = excluded.crashes, due_at = excluded.due_at, changed_at = excluded.changed_at,
       payload = excluded.payload, options = excluded.options, worker = coalesce(excluded.worker, history_job.worker), result = excluded.result,
       reason = excluded.reason, note = excluded.note,
       expires_at = CASE WHEN excluded.version & 7 = 4 THEN NULL ELSE history_job.expires_at END
 WHERE excluded.version >= history_job.version;
