-- claim.sql: take jobs found by next.sql in the same transaction; the write lock keeps everybody else away meanwhile.
-- in:  seqs (JSON array), lease_until, worker, now
-- out: nothing
UPDATE conveyor_job
   SET stage = 2, retrying = 0, attempt = attempt + 1, lease_until = :lease_until, worker = :worker, started_at = :now
 WHERE seq IN (SELECT value FROM json_each(:seqs));
