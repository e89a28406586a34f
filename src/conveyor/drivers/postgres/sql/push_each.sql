-- push_each.sql: store any jobs, one after the other.
-- in:  jobs (JSON, see migrations/0003.sql), now
-- out: the ids that stand for them, in order
SELECT conveyor.push_each(%(jobs)s::json, %(now)s::bigint);
