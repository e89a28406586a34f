-- forget_events.sql: delete what has happened to jobs.
-- in:  ids (JSON)
-- out: nothing
DELETE FROM conveyor_history_event WHERE job IN (SELECT value FROM json_each(:ids));
