-- prunable_dead.sql: the dead jobs that one step of pruning takes: of the oldest `step`, those past the cutoff, and as many as
-- are above the count, whichever is more.
-- in:  step, cutoff (or NULL), excess
-- out: one JSON array of [id, place, queue, priority]
SELECT CAST(json_group_array(json_array(id, 'dead', queue, priority)) AS BLOB)
  FROM (SELECT id, queue, priority, finished_at, row_number() OVER (ORDER BY seq) AS place
          FROM conveyor_dead ORDER BY seq LIMIT :step)
 WHERE place <= :excess OR finished_at < :cutoff;
