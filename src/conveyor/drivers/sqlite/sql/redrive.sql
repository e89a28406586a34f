-- redrive.sql: bring dead letters back; delete_dead.sql then takes them out. A unique key that is taken meanwhile is lost.
-- in:  ended (JSON array of [id, …, whether it keeps its key, its payload or null]), queue, priority, payload (NULL: as it is), stage, due
-- out: nothing
INSERT INTO conveyor_job (id, queue, type, priority, stage, due, pushed_at, attempt, max_crashes, payload, options, unique_key, worker, errors)
SELECT d.id, coalesce(:queue, d.queue), d.type, coalesce(:priority, d.priority), :stage, :due, d.pushed_at, d.attempt,
       d.max_crashes, coalesce(e.value ->> 5, :payload, d.payload), d.options,
       CASE WHEN e.value ->> 4 THEN d.unique_key END, d.worker, d.errors
  FROM json_each(:ended) AS e
 CROSS JOIN conveyor_dead AS d ON d.id = e.value ->> 0
 ORDER BY d.id;
