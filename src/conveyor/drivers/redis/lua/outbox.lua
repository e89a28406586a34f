-- outbox.lua: letters that have not been delivered, some of them at a time.
-- in:  nothing; how many
-- out: stamp and text of each in turn
local found = {}
for _, stamp in ipairs(call('HKEYS', B .. ':outbox')) do
    if #found >= 2 * ARGV[2] then break end
    found[#found + 1] = stamp
    found[#found + 1] = call('HGET', B .. ':outbox', stamp)
end
return found
