-- kept.lua: which of these jobs are kept here.
-- in:  nothing; ids, joined
-- out: for each 1 if it is, else 0
local answer = {}
for place, record in ipairs(load_all(ids_in(ARGV[2]))) do answer[place] = record and '1' or '0' end
return table.concat(answer)
