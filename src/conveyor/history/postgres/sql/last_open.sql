-- last_open.sql: the greatest id of a job that is still to be done, as far as is known.
-- in:  nothing
-- out: one row, or none
SELECT id::text FROM history.history_job WHERE status IN ('pending', 'processing', 'retrying') ORDER BY history_job.id DESC LIMIT 1;
