-- held_by.sql: the claims that these workers hold.
-- in:  workers (JSON array)
-- out: claims in the order of `records.Claim`
SELECT id, attempt, type, queue, priority, payload, coalesce(options, ''), failures, crashes, max_crashes, pushed_at, due
  FROM conveyor.job
 WHERE stage = 2 AND worker = ANY (ARRAY(SELECT json_array_elements_text(%(workers)s::json)));
