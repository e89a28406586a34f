-- move.sql: note how far jobs have come: each as far as it has come at all, in whatever order that is told.
-- in:  rows (JSON arrays: the columns in the order below; each job once, by id)
-- out: nothing
INSERT INTO conveyor_history_job (
    id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
    expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
       value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15,
       value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20, value ->> 21, value ->> 22, value ->> 23
  FROM json_each(:rows)
 WHERE true
    ON CONFLICT (id) DO UPDATE
   SET queue = excluded.queue, type = excluded.type, status = excluded.status, version = excluded.version,
       priority = excluded.priority, attempt = excluded.attempt, failures = excluded.failures,
       crashes = excluded.crashes, due_at = excluded.due_at, changed_at = excluded.changed_at,
       payload = excluded.payload, options = excluded.options, worker = coalesce(excluded.worker, conveyor_history_job.worker), result = excluded.result,
       reason = excluded.reason, note = excluded.note,
       expires_at = CASE WHEN excluded.version & 7 = 4 THEN NULL ELSE conveyor_history_job.expires_at END
 WHERE excluded.version >= conveyor_history_job.version;
