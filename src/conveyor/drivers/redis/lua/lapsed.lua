-- lapsed.lua: claims whose lease is over, the longest first.
-- in:  now; limit
-- out: MessagePack of claims
local now = moment()
local claims = {}
for _, member in ipairs(call('ZRANGEBYSCORE', B .. ':leases', '-inf', int(now), 'LIMIT', 0, ARGV[2])) do
    local id = id_of(member)
    local record, running = load(id), call('HGET', B .. ':running', id)
    if record and running then claims[#claims + 1] = claim_of(read(id, record), (read_running(running))) end
end
return array_of(claims)
