-- write_memo.sql: keep a text under a name.
-- in:  name, text
-- out: nothing
INSERT INTO conveyor.memo (name, text) VALUES (%(name)s, %(text)s) ON CONFLICT (name) DO UPDATE SET text = excluded.text;
