-- greatest.sql: the bound of redrive and forget.
-- in:  nothing
-- out: the greatest id of an ended job, '' when none is kept
SELECT max(coalesce((SELECT max(id) FROM conveyor_dead), ''), coalesce((SELECT max(id) FROM conveyor_finished), ''));
