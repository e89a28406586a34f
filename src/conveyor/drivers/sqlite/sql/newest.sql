-- newest.sql: what waits in a queue as clear begins.
-- in:  queue
-- out: JSON array of how many jobs, and when the newest was pushed; 0 when there is none
SELECT json_array(count(*), coalesce(max(pushed_at), 0)) FROM conveyor_job WHERE queue = :queue AND stage <> 2;
