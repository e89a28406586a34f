-- move.sql: note how far a job has come: as far as it has come at all, in whatever order that is told.
-- in:  the columns, in order
-- out: nothing
INSERT INTO conveyor_history_job (
    id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
    expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)
    ON CONFLICT (id) DO UPDATE
   SET queue = excluded.queue, type = excluded.type, status = excluded.status, version = excluded.version,
       priority = excluded.priority, attempt = excluded.attempt, failures = excluded.failures,
       crashes = excluded.crashes, due_at = excluded.due_at, changed_at = excluded.changed_at,
       payload = excluded.payload, options = excluded.options,
       worker = coalesce(excluded.worker, conveyor_history_job.worker), result = excluded.result,
       reason = excluded.reason, note = excluded.note,
       expires_at = CASE WHEN excluded.version & 7 = 4 THEN NULL ELSE conveyor_history_job.expires_at END
 WHERE excluded.version >= conveyor_history_job.version;
