-- read_metrics.sql: what was recorded of one span in a range of minutes, by minute, type and queue.
-- in:  span, since, until
-- out: one JSON array of `records.JobMetrics`
SELECT CAST(json_group_array(json(record)) AS BLOB)
  FROM (SELECT record FROM conveyor_metric
         WHERE span = :span AND minute >= :since AND minute < :until ORDER BY minute, type, queue);
