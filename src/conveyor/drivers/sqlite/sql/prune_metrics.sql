-- prune_metrics.sql: forget metrics that are old for their span, the oldest first.
-- in:  cutoffs (JSON object: by span, the minute by which they must have ended), limit
-- out: nothing
DELETE FROM conveyor_metric WHERE (span, minute, type, queue) IN
    (SELECT m.span, m.minute, m.type, m.queue FROM json_each(:cutoffs) AS c
      CROSS JOIN conveyor_metric AS m ON m.span = CAST(c.key AS INTEGER) AND m.minute <= c.value - m.span
      ORDER BY m.minute LIMIT :limit);
