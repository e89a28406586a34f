-- due.sql: delayed jobs of a queue that have become due, the longest first.
-- in:  queue, now, limit
-- out: one JSON array of [seq, priority]
SELECT CAST(json_group_array(json_array(seq, priority)) AS BLOB)
  FROM (SELECT seq, priority FROM conveyor_job WHERE stage = 0 AND queue = :queue AND due <= :now ORDER BY due, seq LIMIT :limit);
