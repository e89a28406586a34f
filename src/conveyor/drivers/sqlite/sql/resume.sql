-- resume.sql: end a pause.
-- in:  queue
-- out: nothing
DELETE FROM conveyor_paused WHERE queue = :queue;
