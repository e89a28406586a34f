-- remove_schedule.sql: forget a schedule.
-- in:  name
-- out: a row if there was one
DELETE FROM conveyor.schedule WHERE name = %(name)s RETURNING 1;
