-- put_metrics.sql: record metrics in place of those before.
-- in:  metrics (JSON array of `records.JobMetrics`)
-- out: nothing
INSERT OR REPLACE INTO conveyor_metric (span, minute, type, queue, record)
SELECT coalesce(n.value ->> 'span', 1), n.value ->> 'minute', n.value ->> 'type', n.value ->> 'queue', n.value
  FROM json_each(:metrics) AS n;
