-- match.sql: ended jobs that meet a filter, smallest id first, as one bounded step of redrive and forget sees them.
-- in:  as find.sql, without below
-- out: one JSON array of [id, place, queue, priority]
SELECT CAST(json_group_array(json_array(id, place, queue, priority)) AS BLOB)
  FROM (SELECT id, place, queue, priority FROM conveyor_every
         WHERE place IN (SELECT value FROM json_each(:places))
           AND id >= :first AND id <= :last
           AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))
           AND (:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
           AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
           AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
           AND (:reasons IS NULL OR reason IN (SELECT value FROM json_each(:reasons)))
           AND (:error IS NULL
                OR instr(lower(errors ->> '$[#-1].error_type'), lower(:error))
                OR instr(lower(errors ->> '$[#-1].message'), lower(:error)))
           AND (:fingerprint IS NULL OR errors ->> '$[#-1].fingerprint' = :fingerprint)
           AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(options, '$.metadata.tags') AS t WHERE t.value = :tag))
           AND (:before IS NULL OR coalesce(finished_at, pushed_at) < :before)
           AND (:after IS NULL OR coalesce(finished_at, pushed_at) >= :after)
         ORDER BY id LIMIT :limit);
