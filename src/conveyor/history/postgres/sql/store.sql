-- store.sql: write down jobs before they are pushed; one that is known already is left as it is.
-- in:  rows (JSON arrays: the columns in the order below)
-- out: the ids of those that were not known
INSERT INTO history.history_job (
    id, queue, type, status, version, priority, attempt, failures, crashes, max_crashes, pushed_at, due_at,
    expires_at, changed_at, payload, options, unique_key, is_alone, slot, slot_at, worker, result, reason, note)
SELECT (j ->> 0)::uuid, j ->> 1, j ->> 2, j ->> 3, (j ->> 4)::bigint, (j ->> 5)::smallint, (j ->> 6)::integer,
       (j ->> 7)::integer, (j ->> 8)::integer, (j ->> 9)::integer, (j ->> 10)::bigint, (j ->> 11)::bigint,
       (j ->> 12)::bigint, (j ->> 13)::bigint, j ->> 14, j ->> 15, j ->> 16, (j ->> 17)::boolean, j ->> 18,
       (j ->> 19)::bigint, j ->> 20, j ->> 21, j ->> 22, j ->> 23
  FROM json_array_elements(%(rows)s::json) AS j
 WHERE true
    ON CONFLICT (id) DO NOTHING
RETURNING id::text;
