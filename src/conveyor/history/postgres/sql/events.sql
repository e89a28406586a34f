-- events.sql: what has happened to a job since it was pushed.
-- in:  id
-- out: the events, oldest first
SELECT version, at, status, worker, due_at, note, failure
  FROM history.history_event
 WHERE job = %(id)s::uuid
 ORDER BY version;
