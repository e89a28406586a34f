-- held_by.lua: what these workers hold.
-- in:  nothing; then the workers
-- out: MessagePack of claims
local asked, claims = {}, {}
for place = 2, #ARGV do asked[ARGV[place]] = true end
local running = call('HGETALL', B .. ':running')
for place = 1, #running, 2 do
    local attempt, _, _, _, worker = read_running(running[place + 1])
    local record = asked[worker] and load(running[place])
    if record then claims[#claims + 1] = claim_of(read(running[place], record), attempt) end
end
return array_of(claims)
