-- beat.sql: record that a worker lives.
-- in:  name, record (JSON), now
-- out: nothing
INSERT INTO conveyor_worker (name, record, beat_at) VALUES (:name, :record, :now)
    ON CONFLICT DO UPDATE SET record = excluded.record, beat_at = excluded.beat_at;
