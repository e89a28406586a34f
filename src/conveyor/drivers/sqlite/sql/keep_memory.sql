-- keep_memory.sql: what runs took that have just ended their jobs.
-- in:  memories (JSON array of [id, [before, after, peak]])
-- out: nothing
UPDATE conveyor_finished SET memory = m.value ->> 1
  FROM json_each(:memories) AS m WHERE conveyor_finished.id = m.value ->> 0;
