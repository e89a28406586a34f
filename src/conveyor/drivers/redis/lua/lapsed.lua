-- lapsed.lua: claims whose lease is over, the longest first. What cannot be read of them is set apart.
-- in:  now; limit
-- out: ids, joined, and MessagePack of claims, with names
local ids, claims, kinds = {}, {}, {queues = {}, types = {}}
if call('EXISTS', B .. ':leases') == 0 then return claims_and_names(ids, claims, kinds) end
local now = moment()
for _, member in ipairs(call('ZRANGEBYSCORE', B .. ':leases', '-inf', int(now), 'LIMIT', 0, ARGV[2])) do
    local id = id_of(member)
    local record, running = load(id), call('HGET', B .. ':running', id)
    local job = record and running and readable(id, record)
    if not record or not running then
        call('ZREM', B .. ':leases', member)
    elseif not job then
        end_damaged(id, record, running, now)
    else
        ids[#ids + 1] = id
        local attempt = read_running(running)
        if attempt == 0 then
            -- Who runs it cannot be read any more; which attempt this is the record tells.
            attempt = (job.past and job.past[ATTEMPT] or 0) + 1
            call('HSET', B .. ':running', id, running_of(attempt, now, job.sequence, 0, ''))
        end
        claims[#claims + 1] = claim_of(job, attempt)
        kinds.queues[job.queue], kinds.types[job.type] = true, true
    end
end
finish(now)
return claims_and_names(ids, claims, kinds)
