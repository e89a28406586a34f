-- drop.sql: forget jobs that were written down and then not pushed.
-- in:  ids (JSON)
-- out: nothing
DELETE FROM history.history_job WHERE version = 0 AND id IN (SELECT value::uuid FROM json_array_elements_text(%(ids)s::json));
