-- holding.sql: which of these claims still hold their job.
-- in:  claims (JSON array of [id, attempt], or of [id, attempt, queue, priority]: an id that was deleted and pushed again
--      may live on elsewhere)
-- out: one JSON array of [position in the input, whether the job is asked to be cancelled]
SELECT CAST(json_group_array(json_array(c.key, job.cancel_requested)) AS BLOB)
  FROM json_each(:claims) AS c
 CROSS JOIN conveyor_job AS job ON job.id = c.value ->> 0
 WHERE job.attempt = c.value ->> 1 AND job.stage = 2
   AND job.queue = coalesce(c.value ->> 2, job.queue) AND job.priority = coalesce(c.value ->> 3, job.priority);
