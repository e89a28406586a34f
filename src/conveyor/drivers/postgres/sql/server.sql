-- server.sql: which server this is, and which of its databases.
-- in:  nothing
-- out: the moment it was started (no two have the same), the name of the database
SELECT extract(epoch FROM pg_postmaster_start_time())::text, current_database()::text;
