-- as_hex.sql: keep the bytes of a payload that is not text as hexadecimal digits, so that the job can be shown.
-- in:  seq
-- out: nothing
UPDATE conveyor_job SET payload = hex(payload), options = iif(options IS NULL, NULL, json_object('hex', hex(options))) WHERE seq = :seq;
