-- tend.sql: one bounded step of housekeeping.
-- in:  types (JSON array), now, ages in microseconds and counts of the Retention (NULL: no bound), metrics_kept (JSON: ages by span)
-- out: one row of numbers: promoted, expired, unheld, and how many were pruned of the history, the dead letters and the metrics
SELECT * FROM conveyor.tend(%(types)s::json, %(now)s::bigint, %(finished_age)s::bigint, %(finished_count)s::bigint,
                            %(dead_age)s::bigint, %(dead_count)s::bigint, %(metrics_kept)s::json, %(slot_age)s::bigint);
