-- write_memo.sql: keep a text under a name.
-- in:  name, text
-- out: nothing
INSERT OR REPLACE INTO conveyor_memo (name, text) VALUES (:name, :text);
