-- forget.sql: delete jobs that have ended.
-- in:  ids (JSON)
-- out: the ids of those that were deleted
DELETE FROM conveyor_history_job WHERE status IN ('completed', 'failed', 'cancelled', 'expired') AND id IN (SELECT value FROM json_each(:ids)) RETURNING id;
