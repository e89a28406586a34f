-- remove_schedule.sql: forget a schedule.
-- in:  name
-- out: nothing; the row count says whether there was one
DELETE FROM conveyor_schedule WHERE name = :name;
