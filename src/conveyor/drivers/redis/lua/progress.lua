-- progress.lua: how far jobs are.
-- in:  nothing; ids, joined
-- out: for each its record, or nothing
return call('HMGET', B .. ':progress', unpack(ids_in(ARGV[2])))
