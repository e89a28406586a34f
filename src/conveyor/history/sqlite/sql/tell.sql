-- tell.sql: write down what has happened to a job; what is known already is left as it is.
-- in:  the columns, in order
-- out: nothing
INSERT INTO conveyor_history_event (job, version, at, status, worker, due_at, note, failure)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (job, version) DO NOTHING;
