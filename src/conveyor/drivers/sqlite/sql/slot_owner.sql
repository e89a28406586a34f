-- slot_owner.sql: the job that took a slot.
-- in:  name, at
-- out: its id
SELECT id FROM conveyor_slot WHERE name = ?1 AND at = ?2;
