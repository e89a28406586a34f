-- read_metrics.sql: what was recorded in a range of minutes, by minute, type and queue.
-- in:  since, until
-- out: one JSON array of `records.JobMetrics`
SELECT CAST(json_group_array(json_object(
           'minute', minute, 'type', type, 'queue', queue, 'completed', completed, 'failed', failed, 'duration_us', duration_us,
           'buckets', json((SELECT json_group_object(CAST(bucket AS TEXT), runs) FROM conveyor_metric_bucket AS b
                             WHERE b.minute = m.minute AND b.type = m.type AND b.queue = m.queue)))) AS BLOB)
  FROM (SELECT * FROM conveyor_metric WHERE minute >= :since AND minute < :until ORDER BY minute, type, queue) AS m;
