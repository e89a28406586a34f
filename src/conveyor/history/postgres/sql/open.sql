-- open.sql: jobs that are still to be done as far as is known, by id.
-- in:  queues (JSON, or null for any), cursor, last (ids, or null), limit
-- out: their columns
SELECT id::text, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note
  FROM history.history_job
 WHERE status IN ('pending', 'processing', 'retrying')
   AND (%(queues)s::text IS NULL OR queue IN (SELECT json_array_elements_text(%(queues)s::json)))
   AND (%(cursor)s::uuid IS NULL OR id > %(cursor)s::uuid)
   AND (%(last)s::uuid IS NULL OR id <= %(last)s::uuid)
 ORDER BY id
 LIMIT %(limit)s::integer;
