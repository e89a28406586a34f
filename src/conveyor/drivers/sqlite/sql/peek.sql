-- peek.sql: the next ready jobs of a queue, in the order next.sql takes them.
-- in:  queue, limit, what a level adds to the score (critical, high, normal, low)
-- out: one JSON array of `records.StoredJob`
SELECT CAST(json_group_array(json_object('id', id, 'queue', queue, 'type', type, 'status', status, 'priority', priority, 'payload', payload,
           'options', coalesce(options, ''), 'attempt', attempt, 'failures', failures, 'crashes', crashes,
           'max_crashes', max_crashes, 'pushed_at', pushed_at, 'due_at', due_at, 'expires_at', expires_at, 'unique', unique_key,
           'lease_until', lease_until, 'worker', worker, 'cancel_requested', json(iif(cancel_requested, 'true', 'false')),
           'started_at', started_at, 'finished_at', finished_at, 'result', result, 'reason', reason, 'note', note,
           'held', json(iif(held, 'true', 'false')), 'errors', json(coalesce(errors, '[]')))) AS BLOB)
  FROM (SELECT seq AS next_seq, score FROM (
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
 CROSS JOIN conveyor_every ON conveyor_every.place = 'job' AND conveyor_every.seq = next_seq;
