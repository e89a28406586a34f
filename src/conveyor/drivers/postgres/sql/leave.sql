-- leave.sql: forget a worker that stops.
-- in:  name
-- out: nothing
DELETE FROM conveyor.worker WHERE name = %(name)s;
