-- forget.sql: delete ended jobs.
-- in:  ids (an array, as text)
-- out: how many
SELECT conveyor.forget(%(ids)s::uuid[]);
