-- migrating.sql: wait until nobody else migrates the schema, and keep others from it until the transaction ends.
-- in:  schema
-- out: nothing of interest
SELECT pg_advisory_xact_lock(hashtext(%(schema)s), hashtext('conveyor'));
