-- count.sql: how many jobs there are.
-- in:  queues (JSON, or null for any)
-- out: status and number
SELECT status, count(*)
  FROM history.history_job
 WHERE (%(queues)s::text IS NULL OR queue IN (SELECT json_array_elements_text(%(queues)s::json)))
 GROUP BY status;
