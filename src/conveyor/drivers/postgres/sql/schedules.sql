-- schedules.sql: every schedule, by name, and the present moment.
-- in:  now
-- out: the moment and the columns of `records.ScheduleRecord`; one row of nulls, but for the moment, when there is none
SELECT n.moment, s.name, s.spec, s.paused, s.handled_at
  FROM (SELECT coalesce(%(now)s::bigint, conveyor.clock()) AS moment) AS n
  LEFT JOIN conveyor.schedule AS s ON true
 ORDER BY s.name;
