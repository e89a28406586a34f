-- redrive_each.sql: bring dead letters back, in the order given, each with a payload of its own.
-- in:  payloads (JSON object by id; null: see `payload`), queue, priority, payload (NULL: as it is), delay, lifts (JSON), now
-- out: how many came back
SELECT conveyor.redrive(array_agg(e.id::uuid), %(queue)s::text, %(priority)s::smallint, %(payload)s::text, %(delay)s::bigint,
                        %(lifts)s::json, %(now)s::bigint, array_agg(e.payload))
  FROM json_each_text(%(payloads)s::json) AS e (id, payload);
