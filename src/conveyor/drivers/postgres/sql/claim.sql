-- claim.sql: take ready jobs; what two callers want at once goes to the one that locks it first.
-- in:  queues (JSON array), limit, lease, worker, now
-- out: claims in the order of `records.Claim`; a last row of nulls when there are more overdue jobs to bury first
SELECT * FROM conveyor.claim(%(queues)s::json, %(limit)s::integer, %(lease)s::bigint, %(worker)s::text, %(now)s::bigint);
