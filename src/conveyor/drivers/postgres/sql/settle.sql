-- settle.sql: end runs in any way, each only while its claim still holds the job; their follow-ups come to exist with them.
-- in:  outcomes, follow_ups (JSON, see migrations/0005.sql), now
-- out: the positions, from 1, of those that held
SELECT * FROM conveyor.settle(%(outcomes)s::json, %(follow_ups)s::json, %(now)s::bigint);
