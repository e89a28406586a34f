-- bury_lost.sql: store dead letters that the store has lost, but for those whose id it keeps.
-- in:  letters (JSON array of [id, queue, type, priority, status, due, pushed_at, attempt, failures, crashes, max_crashes, payload, options,
--      expires_at, unique_key, worker, started_at, finished_at, reason, note, errors, memory])
-- out: the ids of those that were stored
INSERT INTO conveyor_dead (id, queue, type, priority, status, due, pushed_at, attempt, failures, crashes, max_crashes, payload,
                           options, expires_at, unique_key, worker, started_at, finished_at, reason, note, errors, memory)
SELECT e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4, e.value ->> 5, e.value ->> 6, e.value ->> 7,
       e.value ->> 8, e.value ->> 9, e.value ->> 10, e.value ->> 11, e.value ->> 12, e.value ->> 13, e.value ->> 14,
       e.value ->> 15, e.value ->> 16, e.value ->> 17, e.value ->> 18, e.value ->> 19, e.value -> 20, e.value ->> 21
  FROM json_each(:letters) AS e
 WHERE NOT EXISTS (SELECT 1 FROM conveyor_every WHERE id = e.value ->> 0)
 ORDER BY e.key
    ON CONFLICT DO NOTHING
RETURNING id;
