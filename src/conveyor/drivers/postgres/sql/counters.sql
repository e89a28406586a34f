-- counters.sql: the counters of these queues, or of all, with the oldest ready job of each level.
-- in:  queues (an array or NULL)
-- out: queue, priority, last activity, oldest ready, how many rows were added up, and the columns of `records.Counts`
SELECT c.queue, c.priority, c.last_at,
       (SELECT due FROM conveyor.job AS j WHERE j.stage = 1 AND j.queue = c.queue AND j.priority = c.priority
         ORDER BY score, seq LIMIT 1),
       c.parts, c.ready, c.delayed, c.held, c.processing, c.dead, c.pushed, c.popped, c.completed, c.failed, c.retried, c.cancelled
  FROM (SELECT queue, priority, max(last_at) AS last_at, count(*) AS parts, sum(ready)::bigint AS ready,
               sum(delayed)::bigint AS delayed, sum(held)::bigint AS held, sum(processing)::bigint AS processing,
               sum(dead)::bigint AS dead, sum(pushed)::bigint AS pushed, sum(popped)::bigint AS popped,
               sum(completed)::bigint AS completed, sum(failed)::bigint AS failed, sum(retried)::bigint AS retried,
               sum(cancelled)::bigint AS cancelled
          FROM conveyor.counter
         WHERE %(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[])
         GROUP BY queue, priority) AS c;
