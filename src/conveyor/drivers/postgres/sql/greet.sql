-- greet.sql: what a new connection needs to know and to have set. What is set here would leak to others through a pooler that hands
-- one server session to many clients; such a pooler is told by the process id, which it makes up.
-- in:  pid (as told when connecting), timeout
-- out: whether the session is ours alone, the encoding of the database
SELECT pg_backend_pid() = %(pid)s, current_setting('server_encoding'),
       CASE WHEN pg_backend_pid() = %(pid)s THEN set_config('statement_timeout', %(timeout)s, false) END,
       CASE WHEN pg_backend_pid() = %(pid)s THEN set_config('default_transaction_isolation', 'read committed', false) END;
