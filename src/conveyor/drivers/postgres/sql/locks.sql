-- locks.sql: the locks held now, by name.
-- in:  now
-- out: the columns of `records.LockRecord`
SELECT name, owner, fence, expires_at FROM conveyor.lock
 WHERE owner IS NOT NULL AND expires_at > coalesce(%(now)s::bigint, conveyor.clock())
 ORDER BY name COLLATE "C";
