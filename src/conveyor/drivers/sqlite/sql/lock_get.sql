-- lock_get.sql: a lock as it was last taken.
-- in:  name
-- out: owner (NULL: given up), fence, expires_at
SELECT owner, fence, expires_at FROM conveyor_lock WHERE name = :name;
