-- finish.sql: copy jobs that completed or were cancelled into the history; leave.sql then takes them out.
-- in:  ended (JSON array of [id, attempt, status, failures, crashes, started_at, result or null, note, failure or null]), now, max_errors
-- out: nothing
INSERT INTO conveyor_finished (id, queue, type, priority, status, due, pushed_at, attempt, failures, crashes, max_crashes, payload,
                               options, expires_at, unique_key, worker, started_at, finished_at, result, note, errors)
SELECT job.id, job.queue, job.type, job.priority, e.value ->> 2, job.due, job.pushed_at, job.attempt, e.value ->> 3,
       e.value ->> 4, job.max_crashes, job.payload, job.options, job.expires_at, job.unique_key, job.worker,
       coalesce(e.value ->> 5, job.started_at), :now, e.value ->> 6, e.value ->> 7,
       CASE WHEN e.value ->> 8 IS NULL THEN job.errors
            -- Full: the second failure makes room, so that the first and the newest stay.
            WHEN json_array_length(job.errors) >= :max_errors
            THEN json_insert(json_remove(job.errors, '$[1]'), '$[#]', json(e.value -> 8))
            ELSE json_insert(coalesce(job.errors, '[]'), '$[#]', json(e.value -> 8)) END
  FROM json_each(:ended) AS e
 CROSS JOIN conveyor_job AS job ON job.id = e.value ->> 0;
