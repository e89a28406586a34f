-- clear.sql: delete some waiting jobs of a queue in one stage.
-- in:  queue, stage, now (what is pushed later is left), limit
-- out: how many
SELECT conveyor.clear(%(queue)s::text, %(stage)s::smallint, %(now)s::bigint, %(limit)s::integer);
