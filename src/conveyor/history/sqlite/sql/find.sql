-- find.sql: jobs that meet all conditions, newest id first.
-- in:  queues, types, statuses (JSON, or null for any), after, before (moments of the last change, or null), cursor, limit
-- out: their columns
SELECT id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note
  FROM conveyor_history_job
 WHERE (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
   AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
   AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
   AND (:after IS NULL OR changed_at >= :after)
   AND (:before IS NULL OR changed_at < :before)
   AND (:cursor IS NULL OR id < :cursor)
 ORDER BY id DESC
 LIMIT :limit;
