-- open.sql: jobs that are still to be done as far as is known, by id.
-- in:  queues (JSON, or null for any), cursor, last (ids, or null), limit
-- out: their columns
SELECT id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note
  FROM conveyor_history_job
 WHERE status IN ('pending', 'processing', 'retrying')
   AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
   AND (:cursor IS NULL OR id > :cursor)
   AND (:last IS NULL OR id <= :last)
 ORDER BY id
 LIMIT :limit;
