-- clear.sql: delete some waiting jobs of a queue in one stage.
-- in:  queue, stage, last (in the order of pushing: what comes after it is left), limit
-- out: how many
SELECT conveyor.clear(%(queue)s::text, %(stage)s::smallint, %(last)s::bigint, %(limit)s::integer);
