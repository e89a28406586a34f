-- delete_progress.sql: forget the progress of jobs whose record goes.
-- in:  ended (JSON array of [id, …])
-- out: nothing
DELETE FROM conveyor_progress WHERE id IN (SELECT value ->> 0 FROM json_each(:ended));
