-- cancel_request.sql: ask the workers of running jobs to stop them.
-- in:  ids (JSON array)
-- out: nothing
UPDATE conveyor_job SET cancel_requested = 1 WHERE stage = 2 AND id IN (SELECT value FROM json_each(:ids));
