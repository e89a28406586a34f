-- pause.sql: let no job of a queue be claimed.
-- in:  queue
-- out: nothing
INSERT INTO conveyor_paused (queue) VALUES (:queue) ON CONFLICT DO NOTHING;
