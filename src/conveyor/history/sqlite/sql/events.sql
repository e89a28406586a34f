-- events.sql: what has happened to a job since it was pushed.
-- in:  id
-- out: the events, oldest first
SELECT version, at, status, worker, due_at, note, failure
  FROM conveyor_history_event
 WHERE job = :id
 ORDER BY version;
