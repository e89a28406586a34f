-- prune_buckets.sql: forget the duration buckets whose metrics are gone or as old.
-- in:  cutoff (a minute), limit
-- out: nothing
DELETE FROM conveyor_metric_bucket WHERE (minute, type, queue, bucket) IN
    (SELECT minute, type, queue, bucket FROM conveyor_metric_bucket WHERE minute < :cutoff ORDER BY minute LIMIT :limit);
