-- locks.sql: the locks held now, by name.
-- in:  now
-- out: one JSON array of `records.LockRecord`
SELECT CAST(json_group_array(json_object('name', name, 'owner', owner, 'fence', fence, 'expires_at', expires_at)) AS BLOB)
  FROM (SELECT * FROM conveyor_lock WHERE owner IS NOT NULL AND expires_at > :now ORDER BY name);
