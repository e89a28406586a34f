-- lapsed.sql: claims whose lease is over, the longest first.
-- in:  now, limit
-- out: claims in the order of `records.Claim`
SELECT id, attempt, type, queue, priority, payload, coalesce(options, ''), failures, crashes, max_crashes, pushed_at, due
  FROM conveyor.job
 WHERE stage = 2 AND lease_until <= coalesce(%(now)s::bigint, (SELECT conveyor.clock()))
 ORDER BY lease_until, seq LIMIT %(limit)s::bigint;
