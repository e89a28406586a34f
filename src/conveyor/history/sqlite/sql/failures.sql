-- failures.sql: how the attempts of these jobs came to a bad end.
-- in:  ids (JSON)
-- out: of each the job and the failure (JSON), a job's oldest first
SELECT job, failure
  FROM conveyor_history_event
 WHERE failure IS NOT NULL AND job IN (SELECT value FROM json_each(:ids))
 ORDER BY job, version;
