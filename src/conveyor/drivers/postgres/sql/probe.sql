-- probe.sql: what a claim of these queues would find. Reads only.
-- in:  queues (JSON array), now, fronts (as for claim.sql)
-- out: whether there is anything, and the microseconds until a delayed job is due (or NULL)
SELECT ready, due_in FROM conveyor.probe(%(queues)s::json, %(now)s::bigint, %(fronts)s::json);
