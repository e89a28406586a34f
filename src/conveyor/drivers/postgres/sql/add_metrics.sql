-- add_metrics.sql: add to what is recorded, in one order, so that two steps never wait for each other.
-- in:  metrics (JSON array of `records.JobMetrics`, each key once)
-- out: nothing
INSERT INTO conveyor.metric AS old (span, minute, type, queue, completed, failed, retried, duration_us, waited_us, buckets, waits, memory)
SELECT coalesce((m ->> 'span')::integer, 1), (m ->> 'minute')::bigint, m ->> 'type', m ->> 'queue',
       coalesce((m ->> 'completed')::bigint, 0), coalesce((m ->> 'failed')::bigint, 0), coalesce((m ->> 'retried')::bigint, 0),
       coalesce((m ->> 'duration_us')::bigint, 0), coalesce((m ->> 'waited_us')::bigint, 0),
       coalesce((m -> 'buckets')::jsonb, '{}'), coalesce((m -> 'waits')::jsonb, '{}'), coalesce((m -> 'memory')::jsonb, '{}')
  FROM json_array_elements(%(metrics)s::json) AS m
 ORDER BY 1, 2, 3, 4
    ON CONFLICT (span, minute, type, queue) DO UPDATE
   SET completed = old.completed + excluded.completed, failed = old.failed + excluded.failed,
       retried = old.retried + excluded.retried, duration_us = old.duration_us + excluded.duration_us,
       waited_us = old.waited_us + excluded.waited_us, buckets = conveyor.added(old.buckets, excluded.buckets),
       waits = conveyor.added(old.waits, excluded.waits), memory = conveyor.added(old.memory, excluded.memory);
