-- get.lua: everything about these jobs.
-- in:  nothing; ids, joined
-- out: for each its id, record, what runs and the lease's end, where there are any
return shown(ids_in(ARGV[2]))
