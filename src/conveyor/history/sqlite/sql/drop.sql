-- drop.sql: forget jobs that were written down and then not pushed.
-- in:  ids (JSON)
-- out: nothing
DELETE FROM conveyor_history_job WHERE version = 0 AND id IN (SELECT value FROM json_each(:ids));
