-- workers.sql: every worker that has beaten and not left, by name.
-- in:  nothing
-- out: record (JSON) and the moment of the last beat
SELECT record, beat_at FROM conveyor.worker ORDER BY name COLLATE "C";
