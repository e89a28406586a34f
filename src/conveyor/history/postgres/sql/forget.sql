-- forget.sql: delete jobs that have ended.
-- in:  ids (JSON)
-- out: the ids of those that were deleted
DELETE FROM history.history_job WHERE status IN ('completed', 'failed', 'cancelled', 'expired') AND id IN (SELECT value::uuid FROM json_array_elements_text(%(ids)s::json)) RETURNING id::text;
