-- next.sql: the ready jobs of a queue that come next: of each level the oldest, merged by score, then by order of pushing.
-- in:  queue, limit, what a level adds to the score (critical, high, normal, low)
-- out: one row: a JSON array of their seqs, a JSON array of claims in the order of `records.Claim`
SELECT CAST(json_group_array(seq) AS BLOB),
       CAST(json_group_array(json_array(id, attempt + 1, type, queue, priority, payload, coalesce(options, ''),
                                        failures, crashes, max_crashes, pushed_at, due)) AS BLOB)
  FROM (SELECT seq FROM (
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
 CROSS JOIN conveyor_job USING (seq);
