-- add_metric.sql: add to the metrics of one minute, type and queue.
-- in:  metrics (JSON array of `records.JobMetrics`)
-- out: nothing
INSERT INTO conveyor_metric (minute, type, queue, completed, failed, duration_us)
SELECT m.value ->> 'minute', m.value ->> 'type', m.value ->> 'queue', m.value ->> 'completed', m.value ->> 'failed',
       m.value ->> 'duration_us'
  FROM json_each(:metrics) AS m
 WHERE TRUE  -- without it, SQLite reads ON as a join's
    ON CONFLICT DO UPDATE
   SET completed = completed + excluded.completed, failed = failed + excluded.failed,
       duration_us = duration_us + excluded.duration_us;
