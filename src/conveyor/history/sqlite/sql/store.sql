-- store.sql: write down a job before it is pushed; one that is known already is left as it is.
-- in:  the columns, in order
-- out: its id, if it was not known
INSERT INTO conveyor_history_job (
    id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
    expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)
    ON CONFLICT (id) DO NOTHING
RETURNING id;
