-- bury_overdue.sql: bury some waiting jobs of a queue that are past their expires_at.
-- in:  queue, limit, now
-- out: how many
SELECT conveyor.bury_overdue(%(queue)s::text, %(limit)s::integer, coalesce(%(now)s::bigint, conveyor.clock()));
