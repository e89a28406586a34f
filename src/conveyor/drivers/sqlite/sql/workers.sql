-- workers.sql: every worker that has beaten and not left, by name.
-- in:  nothing
-- out: one JSON array of `records.WorkerRecord`
SELECT CAST(json_group_array(json_set(record, '$.beat_at', beat_at)) AS BLOB)
  FROM (SELECT record, beat_at FROM conveyor_worker ORDER BY name);
