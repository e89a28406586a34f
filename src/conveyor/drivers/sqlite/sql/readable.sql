-- readable.sql: one job, as text that can be decoded whatever its bytes are.
-- in:  seq
-- out: id, queue, priority, attempt, failures, crashes, payload and options as blobs
SELECT id, queue, priority, attempt, failures, crashes, CAST(payload AS BLOB), CAST(coalesce(options, '') AS BLOB)
  FROM conveyor_job WHERE seq = :seq;
