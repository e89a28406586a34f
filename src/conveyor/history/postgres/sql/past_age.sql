-- past_age.sql: jobs that ended before a moment, the first one first.
-- in:  before, limit
-- out: their ids
SELECT id::text
  FROM history.history_job
 WHERE status IN ('completed', 'failed', 'cancelled', 'expired') AND changed_at < %(before)s::bigint
 ORDER BY changed_at
 LIMIT %(limit)s::integer;
