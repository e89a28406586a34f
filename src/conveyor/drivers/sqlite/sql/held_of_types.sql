-- held_of_types.sql: held jobs whose type a worker knows.
-- in:  types (JSON array), limit
-- out: one JSON array of [seq, priority, queue]
SELECT CAST(json_group_array(json_array(seq, priority, queue)) AS BLOB)
  FROM (SELECT seq, priority, queue FROM conveyor_job
         WHERE stage = 3 AND type IN (SELECT value FROM json_each(:types)) ORDER BY seq LIMIT :limit);
