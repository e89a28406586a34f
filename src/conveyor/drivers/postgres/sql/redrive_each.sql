-- redrive_each.sql: bring dead letters back, in the order given, each with a payload of its own.
-- in:  payloads (JSON object by id; null: see `payload`), queue, priority, payload (NULL: as it is), delay, lifts (JSON), now
-- out: how many came back
SELECT coalesce(sum(conveyor.redrive(ARRAY [e.id::uuid], %(queue)s::text, %(priority)s::smallint,
                                     coalesce(e.payload, %(payload)s::text), %(delay)s::bigint, %(lifts)s::json,
                                     %(now)s::bigint)), 0)::integer
  FROM json_each_text(%(payloads)s::json) AS e (id, payload);
