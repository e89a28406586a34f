-- leave.sql: take jobs out that were copied into the history or the dead letters in the same transaction.
-- in:  ended (JSON array of [id, …])
-- out: nothing
DELETE FROM conveyor_job WHERE id IN (SELECT value ->> 0 FROM json_each(:ended));
