-- push_past.sql: store jobs that have something behind them elsewhere, because a store has lost them.
-- in:  jobs (JSON, see migrations/0003.sql, and behind that: attempt, failures, crashes), now
-- out: the ids that stand for them, in order; null for one that another step is in the way of: ask again
WITH clock AS (
    SELECT coalesce(%(now)s::bigint, conveyor.clock()) AS moment
), given AS (
    SELECT place, (j ->> 0)::uuid AS id, j ->> 1 AS queue, j ->> 2 AS type, (j ->> 3)::smallint AS priority,
           j ->> 4 AS payload, j ->> 5 AS options,
           greatest(coalesce((j ->> 6)::bigint, moment + (j ->> 7)::bigint), moment) AS due,
           coalesce((j ->> 8)::bigint, moment + (j ->> 9)::bigint) AS expires_at, (j ->> 10)::integer AS max_crashes,
           j ->> 11 AS unique_key, j ->> 12 AS slot, (j ->> 13)::bigint AS slot_at, (j ->> 14)::bigint AS lift,
           (j ->> 18)::integer AS attempt, (j ->> 19)::integer AS failures, (j ->> 20)::integer AS crashes
      FROM clock, json_array_elements(%(jobs)s::json) WITH ORDINALITY AS given (j, place)
), standing AS (
    SELECT g.place, coalesce((SELECT id FROM conveyor.job WHERE id = g.id),
                             (SELECT id FROM conveyor.history WHERE id = g.id LIMIT 1),
                             (SELECT id FROM conveyor.dead WHERE id = g.id),
                             (SELECT id FROM conveyor.job WHERE queue = g.queue AND unique_key = g.unique_key),
                             (SELECT id FROM conveyor.slot WHERE name = g.slot AND at = g.slot_at)) AS id
      FROM given AS g
), taken AS (
    INSERT INTO conveyor.slot (name, at, id, taken_at)
    SELECT g.slot, g.slot_at, g.id, moment
      FROM clock, given AS g JOIN standing AS s USING (place) WHERE s.id IS NULL AND g.slot IS NOT NULL
        ON CONFLICT DO NOTHING
    RETURNING id
), fresh AS (
    INSERT INTO conveyor.job (id, queue, type, priority, payload, options, stage, due, score, pushed_at, expires_at,
                              max_crashes, unique_key, attempt, failures, crashes)
    SELECT g.id, g.queue, g.type, g.priority, g.payload, g.options, CASE WHEN g.due <= moment THEN 1 ELSE 0 END, g.due,
           g.due + g.lift, moment, g.expires_at, g.max_crashes, g.unique_key, g.attempt, g.failures, g.crashes
      FROM clock, given AS g JOIN standing AS s USING (place)
     WHERE s.id IS NULL AND (g.slot IS NULL OR g.id IN (SELECT id FROM taken))
     ORDER BY g.place
        ON CONFLICT DO NOTHING
    RETURNING id, queue, priority, stage
), counted AS (
    INSERT INTO conveyor.counter (queue, priority, ready, delayed, pushed, last_at)
    SELECT queue, priority, sum(stage), count(*) - sum(stage), count(*), moment
      FROM clock, fresh GROUP BY queue, priority, moment
    RETURNING queue, ready
), rung AS (
    SELECT conveyor.ring(array_agg(queue), bool_or(ready > 0)) FROM counted HAVING count(*) > 0
)
SELECT array_agg(coalesce(s.id, f.id) ORDER BY place)
  FROM standing AS s JOIN given AS g USING (place) LEFT JOIN fresh AS f ON f.id = g.id
 WHERE (SELECT count(*) FROM rung) >= 0;
