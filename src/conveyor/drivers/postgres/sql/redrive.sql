-- redrive.sql: bring dead letters back, in the order given.
-- in:  ids (an array, as text), queue, priority, payload (NULL: as it is), delay, lifts (JSON: what each level adds to the score), now
-- out: how many came back
SELECT conveyor.redrive(%(ids)s::uuid[], %(queue)s::text, %(priority)s::smallint, %(payload)s::text, %(delay)s::bigint,
                        %(lifts)s::json, %(now)s::bigint);
