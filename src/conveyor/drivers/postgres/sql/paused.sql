-- paused.sql: the paused queues.
-- in:  nothing
-- out: names
SELECT queue FROM conveyor.paused;
