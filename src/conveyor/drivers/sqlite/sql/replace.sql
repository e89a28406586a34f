-- replace.sql: let a waiting job become what was pushed in its stead; the write lock keeps workers away meanwhile.
-- in:  the columns of push.sql in their order, the first being the id of the waiting job
-- out: nothing
UPDATE conveyor_job
   SET type = ?3, priority = ?4, stage = ?5, due = ?6, max_crashes = ?8, payload = ?9, options = ?10, expires_at = ?11,
       failures = 0, crashes = 0, note = NULL
 WHERE id = ?1 AND unique_key = ?12;
