-- tell.sql: write down what has happened to jobs; what is known already is left as it is.
-- in:  rows (JSON arrays: the columns in the order below)
-- out: nothing
INSERT INTO history.history_event (job, version, at, status, worker, due_at, note, failure)
SELECT (j ->> 0)::uuid, (j ->> 1)::bigint, (j ->> 2)::bigint, j ->> 3, j ->> 4, (j ->> 5)::bigint, j ->> 6, j ->> 7
  FROM json_array_elements(%(rows)s::json) AS j
 WHERE true
    ON CONFLICT (job, version) DO NOTHING;
