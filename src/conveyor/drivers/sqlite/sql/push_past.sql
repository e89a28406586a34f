-- push_past.sql: what a job that was just stored has behind it, elsewhere.
-- in:  id, attempt, failures, crashes
-- out: nothing
UPDATE conveyor_job SET attempt = ?2, failures = ?3, crashes = ?4 WHERE id = ?1;
