-- dead_rival.sql: the dead letter that was last buried with a unique key.
-- in:  queue, unique_key
-- out: its id, attempt, pushed_at
SELECT id, attempt, pushed_at FROM conveyor_dead WHERE queue = ?1 AND unique_key = ?2 ORDER BY seq DESC LIMIT 1;
