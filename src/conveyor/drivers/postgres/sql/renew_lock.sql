-- renew_lock.sql: let a held lock end later.
-- in:  name, owner, ttl, now
-- out: a row if this owner holds it
UPDATE conveyor.lock SET expires_at = t.moment + %(ttl)s::bigint
  FROM (SELECT coalesce(%(now)s::bigint, conveyor.clock()) AS moment) AS t
 WHERE name = %(name)s AND owner = %(owner)s AND expires_at > t.moment
RETURNING 1;
