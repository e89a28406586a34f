-- leave_worker.sql: forget a worker that stops.
-- in:  name
-- out: nothing
DELETE FROM conveyor_worker WHERE name = :name;
