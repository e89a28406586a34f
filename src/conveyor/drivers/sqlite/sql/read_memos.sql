-- read_memos.sql: the texts under names that begin with a prefix.
-- in:  prefix
-- out: one JSON array of [name, text], by name
SELECT CAST(json_group_array(json_array(name, text)) AS BLOB)
  FROM (SELECT name, text FROM conveyor_memo
         WHERE name >= :prefix AND substr(name, 1, length(:prefix)) = :prefix ORDER BY name);
