-- complete.sql: end runs that returned, each only while its claim still holds the job.
-- in:  outcomes (JSON, see migrations/0005.sql), now
-- out: the positions, from 1, of those that held
SELECT * FROM conveyor.complete(%(outcomes)s::json, %(now)s::bigint);
