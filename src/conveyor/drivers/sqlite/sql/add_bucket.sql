-- add_bucket.sql: add to the duration buckets of one minute, type and queue.
-- in:  metrics (JSON array of `records.JobMetrics`)
-- out: nothing
INSERT INTO conveyor_metric_bucket (minute, type, queue, bucket, runs)
SELECT m.value ->> 'minute', m.value ->> 'type', m.value ->> 'queue', CAST(b.key AS INTEGER), b.value
  FROM json_each(:metrics) AS m, json_each(m.value, '$.buckets') AS b
 WHERE TRUE  -- without it, SQLite reads ON as a join's
    ON CONFLICT DO UPDATE SET runs = runs + excluded.runs;
