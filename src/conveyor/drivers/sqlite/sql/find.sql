-- find.sql: jobs that meet a filter, greatest id first. An empty condition is NULL and always holds.
-- in:  places, ids, queues, types, statuses, reasons (JSON arrays or NULL), error, fingerprint, tag, before, after,
--      first and last (between which ids lies), below (the id of the page before), limit
-- out: one JSON array of `records.StoredJob`
SELECT CAST(json_group_array(json_object('id', id, 'queue', queue, 'type', type, 'status', status, 'priority', priority, 'payload', payload,
           'options', coalesce(options, ''), 'attempt', attempt, 'failures', failures, 'crashes', crashes,
           'max_crashes', max_crashes, 'pushed_at', pushed_at, 'due_at', due_at, 'expires_at', expires_at, 'unique', unique_key,
           'lease_until', lease_until, 'worker', worker, 'cancel_requested', json(iif(cancel_requested, 'true', 'false')),
           'started_at', started_at, 'finished_at', finished_at, 'result', result, 'reason', reason, 'note', note,
           'held', json(iif(held, 'true', 'false')), 'errors', json(coalesce(errors, '[]')), 'memory', json(memory))) AS BLOB)
  FROM (SELECT * FROM conveyor_every
         WHERE place IN (SELECT value FROM json_each(:places))
           AND id < :below AND id >= :first AND id <= :last
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
         ORDER BY id DESC LIMIT :limit);
