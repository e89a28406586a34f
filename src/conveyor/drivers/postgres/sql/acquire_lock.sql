-- acquire_lock.sql: take a lock that is free, or renew it for its owner; the fence grows with every new holder.
-- in:  name, owner, ttl, now
-- out: fence and end, or no row when another owner holds it
INSERT INTO conveyor.lock AS l (name, owner, fence, expires_at)
SELECT %(name)s, %(owner)s, 1, t.moment + %(ttl)s::bigint
  FROM (SELECT coalesce(%(now)s::bigint, conveyor.clock()) AS moment) AS t
    ON CONFLICT (name) DO UPDATE
   SET owner = excluded.owner, expires_at = excluded.expires_at,
       fence = l.fence + CASE WHEN l.owner = excluded.owner AND l.expires_at > excluded.expires_at - %(ttl)s::bigint THEN 0 ELSE 1 END
 WHERE l.owner IS NULL OR l.owner = excluded.owner OR l.expires_at <= excluded.expires_at - %(ttl)s::bigint
RETURNING fence, expires_at;
