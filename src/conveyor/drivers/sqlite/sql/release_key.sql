-- release_key.sql: let an active job lose its unique key.
-- in:  id
-- out: nothing
UPDATE conveyor_job SET unique_key = NULL WHERE id = ?1;
