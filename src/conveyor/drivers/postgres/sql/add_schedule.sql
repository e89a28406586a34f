-- add_schedule.sql: keep a schedule, unless there is one of its name.
-- in:  name, spec, paused, handled_at
-- out: a row if it is kept now
INSERT INTO conveyor.schedule (name, spec, paused, handled_at) VALUES (%(name)s, %(spec)s, %(paused)s, %(handled_at)s)
    ON CONFLICT DO NOTHING
RETURNING 1;
