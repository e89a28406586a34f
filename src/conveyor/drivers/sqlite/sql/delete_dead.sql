-- delete_dead.sql: delete dead jobs.
-- in:  ended (JSON array of [id, …])
-- out: nothing
DELETE FROM conveyor_dead WHERE id IN (SELECT value ->> 0 FROM json_each(:ended));
