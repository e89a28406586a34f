-- now.sql: the present by the server's clock.
-- in:  nothing
-- out: one moment
SELECT conveyor.clock();
