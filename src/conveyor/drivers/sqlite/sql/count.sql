-- count.sql: add to the counters of one priority in one queue.
-- in:  queue, priority, what to add to each counter in order, the moment of activity (NULL: none)
-- out: nothing
INSERT INTO conveyor_counter (queue, priority, ready, delayed, held, processing, dead, finished,
                              pushed, popped, completed, failed, retried, cancelled, last_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT DO UPDATE
   SET ready = ready + ?3, delayed = delayed + ?4, held = held + ?5, processing = processing + ?6, dead = dead + ?7,
       finished = finished + ?8, pushed = pushed + ?9, popped = popped + ?10, completed = completed + ?11,
       failed = failed + ?12, retried = retried + ?13, cancelled = cancelled + ?14, last_at = coalesce(?15, last_at);
