-- version.sql: which migrations the schema has had.
-- in:  nothing
-- out: their number
SELECT version FROM conveyor.schema_version;
