-- push.sql: store one job, unless its id is kept already or its unique key is taken.
-- in:  the columns, in order
-- out: nothing; the row count says whether it was stored
INSERT INTO conveyor_job (id, queue, type, priority, stage, due, pushed_at, max_crashes, payload, options, expires_at, unique_key)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
 WHERE NOT EXISTS (SELECT 1 FROM conveyor_finished WHERE id = ?1)
   AND NOT EXISTS (SELECT 1 FROM conveyor_dead WHERE id = ?1)
    ON CONFLICT DO NOTHING;
