-- whereabouts.sql: where each of these jobs is.
-- in:  ids (JSON array)
-- out: one JSON array of [id, place, stage, queue, priority, attempt, failures, crashes]
SELECT CAST(json_group_array(json_array(id, place, stage, queue, priority, attempt, failures, crashes)) AS BLOB)
  FROM (SELECT id, 'job' AS place, stage, queue, priority, attempt, failures, crashes
          FROM conveyor_job WHERE id IN (SELECT value FROM json_each(:ids))
        UNION ALL
        SELECT id, 'finished', NULL, queue, priority, attempt, failures, crashes
          FROM conveyor_finished WHERE id IN (SELECT value FROM json_each(:ids))
        UNION ALL
        SELECT id, 'dead', NULL, queue, priority, attempt, failures, crashes
          FROM conveyor_dead WHERE id IN (SELECT value FROM json_each(:ids)));
