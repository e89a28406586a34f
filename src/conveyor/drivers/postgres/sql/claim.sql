-- claim.sql: take ready jobs; what two callers want at once goes to the one that locks it first.
-- in:  queues (JSON array), limit, lease, worker, now, fronts (JSON object, see migrations/0004.sql)
-- out: claims in the order of `records.Claim`; a last row without an id when there is something to say: see migrations/0004.sql
SELECT * FROM conveyor.claim(%(queues)s::json, %(limit)s::integer, %(lease)s::bigint, %(worker)s::text, %(now)s::bigint,
                             %(fronts)s::json);
