-- slot_take.sql: take one occurrence of a schedule.
-- in:  name, at, id of the job, now
-- out: nothing; the row count says whether it was free
INSERT INTO conveyor_slot (name, at, id, taken_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING;
