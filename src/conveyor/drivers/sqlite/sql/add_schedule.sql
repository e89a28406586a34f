-- add_schedule.sql: keep a schedule, unless there is one of its name.
-- in:  name, spec, paused, handled_at
-- out: nothing; the row count says whether it was kept
INSERT INTO conveyor_schedule (name, spec, paused, handled_at) VALUES (:name, :spec, :paused, :handled_at) ON CONFLICT DO NOTHING;
