-- prune_slots.sql: forget slots so old that no schedule asks for them again.
-- in:  cutoff, limit
-- out: nothing
DELETE FROM conveyor_slot WHERE (name, at) IN (SELECT name, at FROM conveyor_slot WHERE taken_at < :cutoff ORDER BY taken_at LIMIT :limit);
