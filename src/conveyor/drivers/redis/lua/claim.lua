-- claim.lua: take ready jobs; before that promote what is due, and bury what is past its expiry.
-- in:  now; limit; lease in microseconds; worker; MessagePack of the levels' offsets; then the queues in order
-- out: MessagePack of claims, with names; or nothing, when so much was past its expiry that it has to be asked again
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
local claims, running, leases, kinds = {}, {}, {}, {queues = {}, types = {}}
local till = int(now + lease)
for _, queue in ipairs(serving) do promote(queue, now, STEP) end
for _, queue in ipairs(serving) do
    local ids, sources = coming(queue, limit - #claims, offsets)
    remove(sources)
    local taken = {[0] = 0, 0, 0, 0}
    for place, record in ipairs(load_all(ids)) do
        if record then
            local id, attempt = ids[place], 1
            local _, flags, _, kind, pushed, order, at = struct.unpack(HEAD, record)
            local level = band(flags, 3)
            local claim
            if flags < HAS_DUE then
                claim = claim_with(id, 1, 0, 0, pushed, pushed, level, queue, kind, sub(record, at))
            else
                local job = read(id, record)
                attempt = (job.past and job.past[ATTEMPT] or 0) + 1
                claim = claim_of(job, attempt)
                if job.expires and not job.retrying then
                    call('ZREM', B .. ':expiring:' .. queue, member_of(job))
                end
            end
            claims[#claims + 1] = claim
            running[#running + 1] = id
            running[#running + 1] = running_of(attempt, now, order, 0, worker)
            leases[#leases + 1] = till
            leases[#leases + 1] = struct.pack('>I5', order) .. id
            taken[level] = taken[level] + 1
            kinds.types[kind] = true
        end
    end
    for level = 0, 3 do
        if taken[level] > 0 then
            count(queue, level, 'processing', taken[level])
            count(queue, level, 'popped', taken[level])
            active[queue] = true
            kinds.queues[queue] = true
        end
    end
end
call_many('HSET', B .. ':running', running)
call_many('ZADD', B .. ':leases', leases)
finish(now)
return claims_and_names(claims, kinds)
