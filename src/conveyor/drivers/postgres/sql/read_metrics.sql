-- read_metrics.sql: what was recorded of one span in a range of minutes, by minute, type and queue.
-- in:  span, since, until
-- out: the columns of `measures.JobMetrics`, buckets as JSON
SELECT minute, type, queue, span, completed, failed, retried, duration_us, buckets::text, waited_us, waits::text, memory::text
  FROM conveyor.metric
 WHERE span = %(span)s::bigint AND minute >= %(since)s::bigint AND minute < %(until)s::bigint
 ORDER BY minute, type, queue;
