-- get.sql: jobs by id, wherever they are.
-- in:  ids (JSON array)
-- out: one JSON array of `records.StoredJob`, in any order
SELECT CAST(json_group_array(json_object('id', id, 'queue', queue, 'type', type, 'status', status, 'priority', priority, 'payload', payload,
           'options', coalesce(options, ''), 'attempt', attempt, 'failures', failures, 'crashes', crashes,
           'max_crashes', max_crashes, 'pushed_at', pushed_at, 'due_at', due_at, 'expires_at', expires_at, 'unique', unique_key,
           'lease_until', lease_until, 'worker', worker, 'cancel_requested', json(iif(cancel_requested, 'true', 'false')),
           'started_at', started_at, 'finished_at', finished_at, 'result', result, 'reason', reason, 'note', note,
           'held', json(iif(held, 'true', 'false')), 'errors', json(coalesce(errors, '[]')), 'memory', json(memory))) AS BLOB)
  -- The LIMIT keeps the inner query apart: only so does SQLite look into each part of the view by id.
  FROM (SELECT * FROM conveyor_every WHERE id IN (SELECT value FROM json_each(:ids)) LIMIT -1);
