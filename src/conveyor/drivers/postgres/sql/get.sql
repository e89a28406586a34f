-- get.sql: jobs by id, wherever they are.
-- in:  ids (an array, as text)
-- out: the columns of `records.StoredJob`, in any order
SELECT id, queue, type, status, priority, payload, coalesce(options, ''), attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, unique_key, lease_until, worker, cancel_requested, started_at, finished_at, result, reason, note, held,
       '[' || array_to_string(errors, ',') || ']', memory
  FROM conveyor.every
 WHERE id = ANY (%(ids)s::uuid[]);
