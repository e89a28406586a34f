-- fold.sql: make one row of many in the counters.
-- in:  nothing
-- out: nothing of interest
SELECT conveyor.fold();
