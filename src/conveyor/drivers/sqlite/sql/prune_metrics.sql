-- prune_metrics.sql: forget the oldest metrics.
-- in:  cutoff (a minute), limit
-- out: nothing
DELETE FROM conveyor_metric WHERE (minute, type, queue) IN
    (SELECT minute, type, queue FROM conveyor_metric WHERE minute < :cutoff ORDER BY minute LIMIT :limit);
