-- forget_events.sql: delete what has happened to jobs.
-- in:  ids (JSON)
-- out: nothing
DELETE FROM history.history_event WHERE job IN (SELECT value::uuid FROM json_array_elements_text(%(ids)s::json));
