-- schedules.sql: every schedule, by name.
-- in:  nothing
-- out: one JSON array of `records.ScheduleRecord`
SELECT CAST(json_group_array(json_object('name', name, 'spec', spec, 'paused', json(iif(paused, 'true', 'false')),
                                         'handled_at', handled_at)) AS BLOB)
  FROM (SELECT * FROM conveyor_schedule ORDER BY name);
