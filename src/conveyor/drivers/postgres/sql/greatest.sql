-- greatest.sql: the bound of redrive and forget.
-- in:  nothing
-- out: the greatest id of an ended job; no row when none is kept
SELECT id FROM conveyor.every WHERE place IN ('dead', 'history') ORDER BY id DESC LIMIT 1;
