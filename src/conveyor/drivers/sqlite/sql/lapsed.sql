-- lapsed.sql: claims whose lease is over, the longest first.
-- in:  now, limit
-- out: one JSON array of claims in the order of `records.Claim`
SELECT CAST(json_group_array(json_array(id, attempt, type, queue, priority, payload, coalesce(options, ''),
                                        failures, crashes, max_crashes, pushed_at, due)) AS BLOB)
  FROM (SELECT * FROM conveyor_job WHERE stage = 2 AND lease_until <= :now ORDER BY lease_until, seq LIMIT :limit);
