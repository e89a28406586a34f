-- get.sql: what is known of these jobs.
-- in:  ids (JSON)
-- out: the columns of those that are known
SELECT id::text, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note
  FROM history.history_job
 WHERE id IN (SELECT value::uuid FROM json_array_elements_text(%(ids)s::json));
