-- claim.lua: take ready jobs; before that promote what is due, and bury what is past its expiry.
-- in:  now; limit; lease in microseconds; worker; MessagePack of the levels' offsets; then the queues in order
-- out: MessagePack of claims; or nothing, when so much was past its expiry that it has to be asked again
local now = moment()
local limit, lease, worker, offsets = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], cmsgpack.unpack(ARGV[5])
local serving, is_behind = {}, false
for place = 6, #ARGV do
    local queue = number_of('queues', ARGV[place])
    if queue and call('SISMEMBER', B .. ':paused', queue) == 0 then
        is_behind = expire(queue, now, STEP) == STEP or is_behind
        serving[#serving + 1] = queue
    end
end
if is_behind then
    finish(now)
    return false
end
local claims, running, leases = {}, {}, {}
for _, queue in ipairs(serving) do promote(queue, now, STEP) end
for _, queue in ipairs(serving) do
    local ids, sources = coming(queue, limit - #claims, offsets)
    remove(sources)
    for _, id in ipairs(ids) do
        local record = load(id)
        if record then
            local job = read(id, record)
            local attempt = (job.past and job.past[ATTEMPT] or 0) + 1
            claims[#claims + 1] = claim_of(job, attempt)
            running[#running + 1] = id
            running[#running + 1] = running_of(attempt, now, job.sequence, 0, worker)
            leases[#leases + 1] = int(now + lease)
            leases[#leases + 1] = member_of(job)
            if job.expires and not job.retrying then call('ZREM', B .. ':expiring:' .. queue, member_of(job)) end
            count(queue, job.level, 'ready', -1)
            count(queue, job.level, 'processing', 1)
            count(queue, job.level, 'popped', 1)
            active[queue] = true
        end
    end
end
call_many('HSET', B .. ':running', running)
call_many('ZADD', B .. ':leases', leases)
finish(now)
return array_of(claims)
