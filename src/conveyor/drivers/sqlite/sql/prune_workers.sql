-- prune_workers.sql: forget workers that have not beaten for long.
-- in:  cutoff, limit
-- out: nothing
DELETE FROM conveyor_worker WHERE name IN (SELECT name FROM conveyor_worker WHERE beat_at < :cutoff LIMIT :limit);
