-- change_schedule.sql: change what is given of a schedule; what is NULL stays.
-- in:  name, spec, paused, handled_at
-- out: a row if there is one
UPDATE conveyor.schedule
   SET spec = coalesce(%(spec)s::text, spec), paused = coalesce(%(paused)s::boolean, paused),
       handled_at = greatest(handled_at, %(handled_at)s::bigint)
 WHERE name = %(name)s
RETURNING 1;
