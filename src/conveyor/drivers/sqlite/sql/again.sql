-- again.sql: let jobs wait again: handed back, snoozed, held or retrying.
-- in:  ended (JSON array of [id, attempt, retrying, failures, crashes, due or null (its old place), stage, note, failure or null]), max_errors
-- out: nothing
UPDATE conveyor_job
   SET stage = e.value ->> 6, retrying = e.value ->> 2, failures = e.value ->> 3, crashes = e.value ->> 4,
       due = coalesce(e.value ->> 5, due), note = e.value ->> 7, lease_until = NULL, started_at = NULL,
       errors = CASE WHEN e.value ->> 8 IS NULL THEN errors
                     WHEN json_array_length(errors) >= :max_errors
                     THEN json_insert(json_remove(errors, '$[1]'), '$[#]', json(e.value -> 8))
                     ELSE json_insert(coalesce(errors, '[]'), '$[#]', json(e.value -> 8)) END
  FROM json_each(:ended) AS e
 WHERE conveyor_job.id = e.value ->> 0;
