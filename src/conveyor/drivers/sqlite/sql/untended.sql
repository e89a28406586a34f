-- untended.sql: whether a step of tending would find anything. Reads only, so idle workers take no lock.
-- in:  now, types (JSON array), cutoffs and bounds of the Retention (NULL: none), metrics_cutoffs (JSON object by
--      span), slot_cutoff, worker_cutoff
-- out: one JSON object: due, overdue (JSON arrays of queues), held, finished, dead (how many to prune at most), metrics, slots, workers
SELECT CAST(json_object(
    'due', json((SELECT json_group_array(queue) FROM (SELECT DISTINCT queue FROM conveyor_counter) AS c
             WHERE EXISTS (SELECT 1 FROM conveyor_job WHERE stage = 0 AND queue = c.queue AND due <= :now))),
    'overdue', json((SELECT json_group_array(queue) FROM (SELECT DISTINCT queue FROM conveyor_counter) AS c
                 WHERE EXISTS (SELECT 1 FROM conveyor_job WHERE expires_at IS NOT NULL AND queue = c.queue
                                  AND expires_at <= :now AND stage <> 2 AND NOT retrying))),
    'held', EXISTS (SELECT 1 FROM conveyor_job WHERE stage = 3 AND type IN (SELECT value FROM json_each(:types))),
    'finished', max(coalesce((SELECT sum(finished) FROM conveyor_counter) - :finished_count, 0),
                    EXISTS (SELECT 1 FROM (SELECT finished_at FROM conveyor_finished ORDER BY seq LIMIT 1)
                             WHERE finished_at < :finished_cutoff)),
    'dead', max(coalesce((SELECT sum(dead) FROM conveyor_counter) - :dead_count, 0),
                EXISTS (SELECT 1 FROM (SELECT finished_at FROM conveyor_dead ORDER BY seq LIMIT 1)
                         WHERE finished_at < :dead_cutoff)),
    'metrics', EXISTS (SELECT 1 FROM json_each(:metrics_cutoffs) AS c
                        CROSS JOIN conveyor_metric ON span = CAST(c.key AS INTEGER) AND minute <= c.value - span),
    'slots', EXISTS (SELECT 1 FROM conveyor_slot WHERE taken_at < :slot_cutoff),
    'workers', EXISTS (SELECT 1 FROM conveyor_worker WHERE beat_at < :worker_cutoff)
) AS BLOB);
