-- rival.sql: the active job that has a unique key.
-- in:  queue, unique_key
-- out: its id, stage, retrying, priority, attempt, pushed_at
SELECT id, stage, retrying, priority, attempt, pushed_at FROM conveyor_job WHERE queue = ?1 AND unique_key = ?2;
