-- pause.sql: let no job of a queue be claimed.
-- in:  queue
-- out: nothing
INSERT INTO conveyor.paused (queue) VALUES (%(queue)s) ON CONFLICT DO NOTHING;
