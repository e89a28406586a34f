-- newest.sql: the bound of clear.
-- in:  nothing
-- out: the place, in the order of pushing, that was given out last
SELECT last_value FROM conveyor.job_seq;
