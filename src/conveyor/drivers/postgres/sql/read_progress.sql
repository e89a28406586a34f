-- read_progress.sql: the last progress of jobs.
-- in:  ids (an array, as text)
-- out: id, record (JSON) and its moment
SELECT id, record, updated_at FROM conveyor.progress WHERE id = ANY (%(ids)s::uuid[]);
