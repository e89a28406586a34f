-- count.sql: how many jobs there are.
-- in:  queues (JSON, or null for any)
-- out: status and number
SELECT status, count(*)
  FROM conveyor_history_job
 WHERE (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
 GROUP BY status;
