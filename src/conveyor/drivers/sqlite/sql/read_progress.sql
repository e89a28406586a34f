-- read_progress.sql: the last progress of jobs.
-- in:  ids (JSON array)
-- out: one JSON array of [id, record]
SELECT CAST(json_group_array(json_array(id, json(record))) AS BLOB)
  FROM conveyor_progress WHERE id IN (SELECT value FROM json_each(:ids));
