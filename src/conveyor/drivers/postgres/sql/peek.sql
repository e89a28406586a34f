-- peek.sql: the next ready jobs of a queue, in the order claim.sql takes them.
-- in:  queue, limit
-- out: the columns of `records.StoredJob`, in order
SELECT every.id, queue, type, status, priority, payload, coalesce(options, ''), attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, unique_key, lease_until, worker, cancel_requested, started_at, finished_at, result, reason, note, held,
       '[' || array_to_string(errors, ',') || ']', memory
  FROM (SELECT id, score, seq
          FROM ((SELECT id, score, seq FROM conveyor.job WHERE stage = 1 AND queue = %(queue)s::text AND priority = 1000 ORDER BY 2, 3)
                UNION ALL
                (SELECT id, score, seq FROM conveyor.job WHERE stage = 1 AND queue = %(queue)s::text AND priority = 750 ORDER BY 2, 3)
                UNION ALL
                (SELECT id, score, seq FROM conveyor.job WHERE stage = 1 AND queue = %(queue)s::text AND priority = 500 ORDER BY 2, 3)
                UNION ALL
                (SELECT id, score, seq FROM conveyor.job WHERE stage = 1 AND queue = %(queue)s::text AND priority = 250 ORDER BY 2, 3)) AS level
         ORDER BY score, seq LIMIT %(limit)s::bigint) AS next
  JOIN conveyor.every ON every.id = next.id AND place = 'job'
 ORDER BY next.score, next.seq;
