-- change_schedule.sql: change what is given of a schedule; what is NULL stays.
-- in:  name, spec, paused, handled_at
-- out: nothing; the row count says whether there is one
UPDATE conveyor_schedule
   SET spec = coalesce(:spec, spec), paused = coalesce(:paused, paused), handled_at = max(handled_at, coalesce(:handled_at, handled_at))
 WHERE name = :name;
