-- store.sql: write down jobs before they are pushed; one that is known already is left as it is.
-- in:  rows (JSON arrays: the columns in the order below)
-- out: the ids of those that were not known
INSERT INTO conveyor_history_job (
    id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
    expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
       value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15,
       value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20, value ->> 21, value ->> 22, value ->> 23
  FROM json_each(:rows)
 WHERE true
    ON CONFLICT (id) DO NOTHING
RETURNING id;
