-- delete_finished.sql: delete finished jobs.
-- in:  ended (JSON array of [id, …])
-- out: nothing
DELETE FROM conveyor_finished WHERE id IN (SELECT value ->> 0 FROM json_each(:ended));
