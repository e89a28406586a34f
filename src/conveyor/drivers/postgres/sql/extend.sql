-- extend.sql: let the leases of claims that still hold end later.
-- in:  claims (JSON array of [id, attempt]), lease, now
-- out: the positions, from 1, of those that hold
SELECT * FROM conveyor.extend(%(claims)s::json, %(lease)s::bigint, %(now)s::bigint);
