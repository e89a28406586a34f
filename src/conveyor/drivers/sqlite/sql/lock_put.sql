-- lock_put.sql: write a lock; the caller has looked at it in the same transaction.
-- in:  name, owner, fence, expires_at
-- out: nothing
INSERT INTO conveyor_lock (name, owner, fence, expires_at) VALUES (:name, :owner, :fence, :expires_at)
    ON CONFLICT DO UPDATE SET owner = excluded.owner, fence = excluded.fence, expires_at = excluded.expires_at;
