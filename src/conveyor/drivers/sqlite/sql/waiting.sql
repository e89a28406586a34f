-- waiting.sql: some waiting jobs of a queue in one stage, as one bounded step of clear sees them.
-- in:  queue, stage, last (what is pushed after that moment is left), limit
-- out: one JSON array of [id, priority]
SELECT CAST(json_group_array(json_array(id, priority)) AS BLOB)
  FROM (SELECT id, priority FROM conveyor_job
         WHERE queue = :queue AND stage = :stage AND pushed_at <= :last LIMIT :limit);
