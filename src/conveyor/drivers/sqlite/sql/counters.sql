-- counters.sql: the counters of these queues, or of all, with the oldest ready job of each level.
-- in:  queues (JSON array or NULL)
-- out: one JSON array of [queue, priority, last activity, oldest ready, {counter: value}]
SELECT CAST(json_group_array(json_array(
           c.queue, c.priority, c.last_at,
           (SELECT min(due) FROM conveyor_job WHERE stage = 1 AND queue = c.queue AND priority = c.priority),
           json_object('ready', ready, 'delayed', delayed, 'held', held, 'processing', processing, 'dead', dead,
                       'pushed', pushed, 'popped', popped, 'completed', completed, 'failed', failed, 'retried', retried,
                       'cancelled', cancelled)
       )) AS BLOB)
  FROM (SELECT * FROM conveyor_counter
         WHERE :queues IS NULL OR queue IN (SELECT value FROM json_each(:queues))
         ORDER BY queue, priority) AS c;
