-- keep_memory_dead.sql: as keep_memory.sql, for jobs that went to the dead letters.
-- in:  memories (JSON array of [id, [before, after, peak]])
-- out: nothing
UPDATE conveyor_dead SET memory = m.value ->> 1
  FROM json_each(:memories) AS m WHERE conveyor_dead.id = m.value ->> 0;
