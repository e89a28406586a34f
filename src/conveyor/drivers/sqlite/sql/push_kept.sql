-- push_kept.sql: whose id to answer for a job that push.sql did not store.
-- in:  id, queue, unique_key
-- out: the id itself if it is kept anywhere, else that of the active job with the key
SELECT id FROM conveyor_every WHERE id = ?1
UNION ALL
SELECT id FROM conveyor_job WHERE queue = ?2 AND unique_key = ?3
 LIMIT 1;
