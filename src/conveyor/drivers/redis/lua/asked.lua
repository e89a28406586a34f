-- asked.lua: the jobs of these claims' holders that someone asked to cancel.
-- in:  nothing; the holders
-- out: id and attempt of each
return asked_of(2)
