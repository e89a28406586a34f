-- complete.sql: copy jobs that completed into the history, as finish.sql does, where there is nothing to say but the result.
-- in:  ended (JSON array of [id, started_at, result or null]), now
-- out: nothing
INSERT INTO conveyor_finished (id, queue, type, priority, status, due, pushed_at, attempt, failures, crashes, max_crashes, payload,
                               options, expires_at, unique_key, worker, started_at, finished_at, result, errors)
SELECT job.id, job.queue, job.type, job.priority, 'completed', job.due, job.pushed_at, job.attempt, job.failures,
       job.crashes, job.max_crashes, job.payload, job.options, job.expires_at, job.unique_key, job.worker,
       coalesce(e.value ->> 1, job.started_at), :now, e.value ->> 2, job.errors
  FROM json_each(:ended) AS e
 CROSS JOIN conveyor_job AS job ON job.id = e.value ->> 0;
