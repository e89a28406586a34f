-- dead_keys.sql: the unique keys of dead letters, and whether an active job has taken them.
-- in:  ended (JSON array of [id, …]), queue (NULL: their own)
-- out: one JSON array of [id, key, free]
SELECT CAST(json_group_array(json_array(d.id, d.unique_key, NOT EXISTS (
           SELECT 1 FROM conveyor_job AS j WHERE j.queue = coalesce(:queue, d.queue) AND j.unique_key = d.unique_key))) AS BLOB)
  FROM json_each(:ended) AS e
 CROSS JOIN conveyor_dead AS d ON d.id = e.value ->> 0
 WHERE d.unique_key IS NOT NULL;
