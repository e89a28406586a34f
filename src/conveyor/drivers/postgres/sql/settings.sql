-- settings.sql: what the server says of itself.
-- in:  nothing
-- out: version, schema version, fsync, synchronous_commit, whether it is a standby, max_connections, connections in use, seconds
--      that the oldest transaction has been open, autovacuum
SELECT current_setting('server_version'), (SELECT version FROM conveyor.schema_version), current_setting('fsync'),
       current_setting('synchronous_commit'), pg_is_in_recovery(), current_setting('max_connections')::integer,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
         WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()),
       current_setting('autovacuum');
