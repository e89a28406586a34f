-- push.sql: store jobs that have neither a unique key nor a slot.
-- in:  jobs (JSON, see migrations/0003.sql), now
-- out: nothing of interest: each job's own id stands for it
SELECT conveyor.push(%(jobs)s::json, %(now)s::bigint);
