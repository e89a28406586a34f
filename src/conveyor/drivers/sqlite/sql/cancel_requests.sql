-- cancel_requests.sql: the claims of these workers whose jobs someone asked to cancel.
-- in:  workers (JSON array)
-- out: one JSON array of {id, attempt}
SELECT CAST(json_group_array(json_object('id', id, 'attempt', attempt)) AS BLOB) FROM conveyor_job
 WHERE stage = 2 AND cancel_requested AND worker IN (SELECT value FROM json_each(:workers));
