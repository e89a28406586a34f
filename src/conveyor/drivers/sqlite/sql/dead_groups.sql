-- dead_groups.sql: dead letters that meet a filter, counted by what they have in common, the most frequent first.
-- in:  as find.sql, without below and limit
-- out: one JSON array of `records.DeadGroup`
SELECT CAST(json_group_array(json_object('queue', queue, 'type', type, 'reason', reason, 'error_type', error_type,
                                         'fingerprint', fingerprint, 'count', times, 'first', first_at, 'last', last_at,
                                         'newest', newest)) AS BLOB)
  FROM (SELECT queue, type, reason, coalesce(errors ->> '$[#-1].error_type', '') AS error_type,
               coalesce(errors ->> '$[#-1].fingerprint', '') AS fingerprint, count(*) AS times,
               min(finished_at) AS first_at, max(finished_at) AS last_at, max(id) AS newest
          FROM conveyor_every
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
         GROUP BY queue, type, reason, error_type, fingerprint
         ORDER BY times DESC, last_at DESC);
