-- overdue.sql: waiting jobs whose expiry has come, the first one first.
-- in:  now, limit
-- out: their columns
SELECT id::text, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note
  FROM history.history_job
 WHERE status = 'pending' AND expires_at IS NOT NULL AND expires_at <= %(now)s::bigint
 ORDER BY expires_at
 LIMIT %(limit)s::integer;
