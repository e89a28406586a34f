-- cancel.sql: cancel waiting jobs, and mark running ones.
-- in:  ids (JSON array), now
-- out: one array of `records.CancelAnswer`, in order
SELECT conveyor.cancel(%(ids)s::json, %(now)s::bigint);
