-- metrics_of.sql: what is recorded under the same keys as these metrics.
-- in:  metrics (JSON array of `records.JobMetrics`)
-- out: one JSON array of `records.JobMetrics`, in any order
SELECT CAST(json_group_array(json(record)) AS BLOB)
  FROM json_each(:metrics) AS n
 CROSS JOIN conveyor_metric AS m ON m.span = coalesce(n.value ->> 'span', 1) AND m.minute = n.value ->> 'minute'
                                AND m.type = n.value ->> 'type' AND m.queue = n.value ->> 'queue';
