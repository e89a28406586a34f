-- paused.sql: the paused queues.
-- in:  nothing
-- out: one JSON array of names
SELECT CAST(json_group_array(queue) AS BLOB) FROM conveyor_paused;
