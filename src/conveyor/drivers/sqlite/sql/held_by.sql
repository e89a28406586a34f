-- held_by.sql: the claims that these workers hold.
-- in:  workers (JSON array)
-- out: one JSON array of claims in the order of `records.Claim`
SELECT CAST(json_group_array(json_array(id, attempt, type, queue, priority, payload, coalesce(options, ''),
                                        failures, crashes, max_crashes, pushed_at, due)) AS BLOB)
  FROM (SELECT * FROM conveyor_job WHERE stage = 2 AND worker IN (SELECT value FROM json_each(:workers)) ORDER BY seq);
