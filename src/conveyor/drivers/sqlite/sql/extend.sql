-- extend.sql: let the leases of claims that still hold end later.
-- in:  lease_until, claims (JSON array of [id, attempt])
-- out: nothing
UPDATE conveyor_job SET lease_until = :lease_until
 WHERE stage = 2
   AND (id, attempt) IN (SELECT value ->> 0, value ->> 1 FROM json_each(:claims));
