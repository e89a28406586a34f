-- delete_memo.sql: keep no text under a name.
-- in:  name
-- out: nothing
DELETE FROM conveyor.memo WHERE name = %(name)s;
