-- listen.sql: ask to be told for a while when jobs of these queues may be ready.
-- in:  id (of the listener), queues (JSON array), seconds
-- out: nothing
INSERT INTO conveyor.waiter (id, queues, until)
VALUES (%(id)s, ARRAY(SELECT json_array_elements_text(%(queues)s::json)), clock_timestamp() + %(seconds)s * interval '1 second')
    ON CONFLICT (id) DO UPDATE SET queues = excluded.queues, until = excluded.until;
