-- find.sql: jobs that meet all conditions, newest id first.
-- in:  queues, types, statuses (JSON, or null for any), after, before (moments of the last change, or null), cursor, limit
-- out: their columns
SELECT id::text, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note
  FROM history.history_job
 WHERE (%(queues)s::text IS NULL OR queue IN (SELECT json_array_elements_text(%(queues)s::json)))
   AND (%(types)s::text IS NULL OR type IN (SELECT json_array_elements_text(%(types)s::json)))
   AND (%(statuses)s::text IS NULL OR status IN (SELECT json_array_elements_text(%(statuses)s::json)))
   AND (%(after)s::bigint IS NULL OR changed_at >= %(after)s::bigint)
   AND (%(before)s::bigint IS NULL OR changed_at < %(before)s::bigint)
   AND (%(cursor)s::uuid IS NULL OR id < %(cursor)s::uuid)
 ORDER BY id DESC
 LIMIT %(limit)s::integer;
