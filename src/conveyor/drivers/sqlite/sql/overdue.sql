-- overdue.sql: waiting jobs of a queue past their expires_at. A retrying job has begun, so it cannot expire.
-- in:  queue, now, limit
-- out: one JSON array of [id, stage, priority, attempt, failures, crashes, expires_at]
SELECT CAST(json_group_array(json_array(id, stage, priority, attempt, failures, crashes, expires_at)) AS BLOB)
  FROM (SELECT id, stage, priority, attempt, failures, crashes, expires_at FROM conveyor_job
         WHERE expires_at IS NOT NULL AND queue = :queue AND expires_at <= :now AND stage <> 2 AND NOT retrying
         ORDER BY expires_at, seq LIMIT :limit);
