-- push_one.sql: store one job that has neither a unique key nor a slot.
-- in:  id, queue, type, priority, payload, options, run_at, delay, expires_at, expires, max_crashes, lift (what its level adds to
--      the score), now
-- out: nothing of interest: its own id stands for it
SELECT conveyor.push_one(%(id)s::uuid, %(queue)s::text, %(type)s::text, %(priority)s::smallint, %(payload)s::text,
                         %(options)s::text, %(run_at)s::bigint, %(delay)s::bigint, %(expires_at)s::bigint,
                         %(expires)s::bigint, %(max_crashes)s::integer, %(lift)s::bigint, %(now)s::bigint);
