-- tell.sql: write down what has happened to jobs; what is known already is left as it is.
-- in:  rows (JSON arrays: the columns in the order below)
-- out: nothing
INSERT INTO conveyor_history_event (job, version, at, status, worker, due_at, note, failure)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
  FROM json_each(:rows)
 WHERE true
    ON CONFLICT (job, version) DO NOTHING;
