-- past_count.sql: the jobs that ended first, of those that are too many.
-- in:  count (how many may be kept), limit
-- out: their ids
SELECT id::text
  FROM history.history_job
 WHERE status IN ('completed', 'failed', 'cancelled', 'expired')
 ORDER BY changed_at
 LIMIT least(%(limit)s::integer, greatest(0, (SELECT count(*) FROM history.history_job WHERE status IN ('completed', 'failed', 'cancelled', 'expired')) - %(count)s::bigint));
