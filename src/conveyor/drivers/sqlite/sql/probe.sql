-- probe.sql: what a claim of these queues would find. Reads only, so an idle worker takes no lock.
-- in:  queues (JSON array), now
-- out: one JSON array of [queue, has ready jobs, has delayed jobs that are due, has jobs past their expiry, next due moment]
SELECT CAST(json_group_array(json_array(
           q.value,
           EXISTS (SELECT 1 FROM conveyor_job WHERE stage = 1 AND queue = q.value),
           EXISTS (SELECT 1 FROM conveyor_job WHERE stage = 0 AND queue = q.value AND due <= :now),
           EXISTS (SELECT 1 FROM conveyor_job WHERE expires_at IS NOT NULL AND queue = q.value AND expires_at <= :now
                      AND stage <> 2 AND NOT retrying),
           (SELECT min(due) FROM conveyor_job WHERE stage = 0 AND queue = q.value)
       )) AS BLOB)
  FROM json_each(:queues) AS q
 WHERE q.value NOT IN (SELECT queue FROM conveyor_paused);
