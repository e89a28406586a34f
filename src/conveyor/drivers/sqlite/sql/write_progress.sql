-- write_progress.sql: record how far a job is, if the claim still holds it.
-- in:  id, attempt, record (JSON)
-- out: nothing; the row count says whether it holds
INSERT INTO conveyor_progress (id, record)
SELECT :id, :record FROM conveyor_job WHERE id = :id AND attempt = :attempt AND stage = 2
    ON CONFLICT DO UPDATE SET record = excluded.record;
