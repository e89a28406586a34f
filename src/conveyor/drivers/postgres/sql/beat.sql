-- beat.sql: record that a worker lives.
-- in:  name, record (JSON), children (JSON array of the names under which it claims), now
-- out: id and attempt of the claims of its children whose jobs someone asked to cancel
WITH beat AS (
    INSERT INTO conveyor.worker (name, record, beat_at)
    VALUES (%(name)s, %(record)s, coalesce(%(now)s::bigint, conveyor.clock()))
        ON CONFLICT (name) DO UPDATE SET record = excluded.record, beat_at = excluded.beat_at
)
SELECT id, attempt FROM conveyor.job
 WHERE stage = 2 AND cancel_requested AND worker = ANY (ARRAY(SELECT json_array_elements_text(%(children)s::json)));
