-- greet.sql: what a new connection needs to know and to have set, whatever the role has set for people's sessions. What is set here
-- would leak to others through a pooler that hands one server session to many clients; such a pooler is told by the process id, which
-- it makes up. (transaction_timeout came with PostgreSQL 17.)
-- in:  pid (as told when connecting), timeout
-- out: whether the session is ours alone, the encoding of the database, the isolation level of its transactions before this, and what of
--      no interest the settings answer
SELECT s.is_ours, current_setting('server_encoding'), current_setting('default_transaction_isolation'),
       CASE WHEN s.is_ours THEN set_config('statement_timeout', %(timeout)s, false) END,
       CASE WHEN s.is_ours THEN set_config('lock_timeout', '0', false) END,
       CASE WHEN s.is_ours THEN set_config('idle_in_transaction_session_timeout', '0', false) END,
       CASE WHEN s.is_ours AND current_setting('transaction_timeout', true) IS NOT NULL
            THEN set_config('transaction_timeout', '0', false) END,
       CASE WHEN s.is_ours THEN set_config('default_transaction_isolation', 'read committed', false) END
  FROM (SELECT pg_backend_pid() = %(pid)s AS is_ours) AS s;
