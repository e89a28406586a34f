-- promote.sql: make delayed or held jobs ready.
-- in:  seqs (JSON array of [seq, …])
-- out: nothing
UPDATE conveyor_job SET stage = 1, note = NULL WHERE seq IN (SELECT value ->> 0 FROM json_each(:seqs));
