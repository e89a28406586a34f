-- release_lock.sql: give a lock up.
-- in:  name, owner, now
-- out: a row if this owner held it
UPDATE conveyor.lock SET owner = NULL
 WHERE name = %(name)s AND owner = %(owner)s AND expires_at > coalesce(%(now)s::bigint, conveyor.clock())
RETURNING 1;
