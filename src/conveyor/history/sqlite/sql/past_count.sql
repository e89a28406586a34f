-- past_count.sql: the jobs that ended first, of those that are too many.
-- in:  count (how many may be kept), limit
-- out: their ids
SELECT id
  FROM conveyor_history_job
 WHERE status IN ('completed', 'failed', 'cancelled', 'expired')
 ORDER BY changed_at
 LIMIT min(:limit, max(0, (SELECT count(*) FROM conveyor_history_job WHERE status IN ('completed', 'failed', 'cancelled', 'expired')) - :count));
