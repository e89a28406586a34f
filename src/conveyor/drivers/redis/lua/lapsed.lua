-- lapsed.lua: claims whose lease is over, the longest first.
-- in:  now; limit
-- out: MessagePack of claims, with names
local now = moment()
local claims, kinds = {}, {queues = {}, types = {}}
for _, member in ipairs(call('ZRANGEBYSCORE', B .. ':leases', '-inf', int(now), 'LIMIT', 0, ARGV[2])) do
    local id = id_of(member)
    local record, running = load(id), call('HGET', B .. ':running', id)
    if record and running then
        local job = read(id, record)
        claims[#claims + 1] = claim_of(job, (read_running(running)))
        kinds.queues[job.queue], kinds.types[job.type] = true, true
    end
end
return claims_and_names(claims, kinds)
