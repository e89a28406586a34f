-- peek.sql: the next ready jobs of a queue, in the order next.sql takes them.
-- in:  queue, limit, what a level adds to the score (critical, high, normal, low)
-- out: one JSON array: the ids in order, and the `records.StoredJob` in any order
WITH coming (ids) AS (
    SELECT json_group_array(id) FROM (
        SELECT seq FROM (
            SELECT * FROM (SELECT due + :critical AS score, seq FROM conveyor_job
                            WHERE stage = 1 AND queue = :queue AND priority = 1000 ORDER BY due, seq LIMIT :limit)
            UNION ALL
            SELECT * FROM (SELECT due + :high, seq FROM conveyor_job
                            WHERE stage = 1 AND queue = :queue AND priority = 750 ORDER BY due, seq LIMIT :limit)
            UNION ALL
            SELECT * FROM (SELECT due + :normal, seq FROM conveyor_job
                            WHERE stage = 1 AND queue = :queue AND priority = 500 ORDER BY due, seq LIMIT :limit)
            UNION ALL
            SELECT * FROM (SELECT due + :low, seq FROM conveyor_job
                            WHERE stage = 1 AND queue = :queue AND priority = 250 ORDER BY due, seq LIMIT :limit))
         ORDER BY score, seq LIMIT :limit)
     CROSS JOIN conveyor_job USING (seq)
)
SELECT CAST(json_array(json((SELECT ids FROM coming)), json((
    SELECT json_group_array(json_object('id', id, 'queue', queue, 'type', type, 'status', status, 'priority', priority, 'payload', payload,
               'options', coalesce(options, ''), 'attempt', attempt, 'failures', failures, 'crashes', crashes,
               'max_crashes', max_crashes, 'pushed_at', pushed_at, 'due_at', due_at, 'expires_at', expires_at, 'unique', unique_key,
               'lease_until', lease_until, 'worker', worker, 'cancel_requested', json(iif(cancel_requested, 'true', 'false')),
               'started_at', started_at, 'finished_at', finished_at, 'result', result, 'reason', reason, 'note', note,
               'held', json(iif(held, 'true', 'false')), 'errors', json(coalesce(errors, '[]')), 'memory', json(memory)))
      -- The LIMIT keeps the inner query apart: only so does SQLite look into each part of the view by id.
      FROM (SELECT * FROM conveyor_every WHERE id IN (SELECT value FROM json_each((SELECT ids FROM coming))) LIMIT -1)
))) AS BLOB);
