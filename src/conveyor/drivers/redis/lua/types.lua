-- types.lua: what types these keys have.
-- in:  nothing; the keys
-- out: for each its type, or none
local answer = {}
for place = 2, #ARGV do answer[place - 1] = call('TYPE', ARGV[place]).ok end
return answer
