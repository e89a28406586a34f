-- resume.sql: end a pause, and wake waiting workers.
-- in:  queue
-- out: nothing of interest
SELECT conveyor.resume(%(queue)s::text);
