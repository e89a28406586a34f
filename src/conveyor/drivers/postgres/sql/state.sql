-- state.sql: what there is under the name of the schema.
-- in:  schema
-- out: whether it is conveyor's, whether it exists, and the first of its tables
SELECT to_regclass(format('%%I.schema_version', %(schema)s::text)) IS NOT NULL,
       EXISTS (SELECT FROM pg_namespace WHERE nspname = %(schema)s::text),
       (SELECT min(relname)::text FROM pg_class
         WHERE relnamespace = to_regnamespace(quote_ident(%(schema)s::text)) AND relkind IN ('r', 'p', 'v'));
