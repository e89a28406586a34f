-- read_memos.sql: the texts under names that begin with a prefix.
-- in:  prefix
-- out: name and text, by name
SELECT name, text FROM conveyor.memo WHERE starts_with(name, %(prefix)s) ORDER BY name;
