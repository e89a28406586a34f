-- write_progress.sql: record how far a job is, if the claim still holds it.
-- in:  id, attempt, record (JSON), now
-- out: a row if it holds
INSERT INTO conveyor.progress (id, record, updated_at)
SELECT id, %(record)s::text, coalesce(%(now)s::bigint, conveyor.clock())
  FROM conveyor.job WHERE id = %(id)s AND attempt = %(attempt)s AND stage = 2
    ON CONFLICT (id) DO UPDATE SET record = excluded.record, updated_at = excluded.updated_at
RETURNING 1;
