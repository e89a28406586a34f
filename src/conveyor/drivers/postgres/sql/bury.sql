-- bury.sql: store dead letters that the store has lost, but for those whose id it keeps.
-- in:  letters (JSON array of arrays: the columns of `dead` in their order without seq, errors as an array of texts)
-- out: the ids of those that were stored
WITH given AS (
    SELECT (e ->> 0)::uuid AS id, e, place FROM json_array_elements(%(letters)s::json) WITH ORDINALITY AS given (e, place)
), stored AS (
    INSERT INTO conveyor.dead (id, seq, due, pushed_at, expires_at, started_at, finished_at, attempt, failures, crashes,
                               max_crashes, priority, queue, type, payload, options, unique_key, worker, status, reason, note,
                               errors, memory)
    SELECT id, nextval('conveyor.dead_seq'), (e ->> 1)::bigint, (e ->> 2)::bigint, (e ->> 3)::bigint, (e ->> 4)::bigint,
           (e ->> 5)::bigint, (e ->> 6)::integer, (e ->> 7)::integer, (e ->> 8)::integer, (e ->> 9)::integer,
           (e ->> 10)::smallint, e ->> 11, e ->> 12, e ->> 13, e ->> 14, e ->> 15, e ->> 16, e ->> 17, e ->> 18, e ->> 19,
           (SELECT array_agg(f) FROM json_array_elements_text(e -> 20) AS f), e ->> 21
      FROM (SELECT * FROM given ORDER BY place) AS g
     WHERE NOT EXISTS (SELECT FROM conveyor.job WHERE job.id = g.id)
       AND NOT EXISTS (SELECT FROM conveyor.history WHERE history.id = g.id)
        ON CONFLICT DO NOTHING
    RETURNING id, queue, priority
), counted AS (
    INSERT INTO conveyor.counter (queue, priority, dead) SELECT queue, priority, count(*) FROM stored GROUP BY queue, priority
)
SELECT id FROM stored;
