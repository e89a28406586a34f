-- failures.sql: how the attempts of these jobs came to a bad end.
-- in:  ids (JSON)
-- out: of each the job and the failure (JSON), a job's oldest first
SELECT job::text, failure
  FROM history.history_event
 WHERE failure IS NOT NULL AND job IN (SELECT value::uuid FROM json_array_elements_text(%(ids)s::json))
 ORDER BY job, version;
