-- claim.lua: take ready jobs; before that promote what is due, and bury what is past its expiry.
-- in:  now; limit; lease in microseconds; worker; MessagePack of the levels' offsets; then the queues in order
-- out: ids, joined, and MessagePack of claims, with names; or nothing, when so much was past its expiry that it has to be
--      asked again. What is to be claimed is held before it leaves its order: an error in between loses nothing
local now = moment()
local limit, lease, worker, offsets = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], cmsgpack.unpack(ARGV[5])
local serving, seen, is_behind = {}, {}, false
for place = 6, #ARGV do
    local queue = number_of('queues', ARGV[place])
    if queue and not seen[queue] and call('SISMEMBER', B .. ':paused', queue) == 0 then
        seen[queue] = true
        is_behind = expire(queue, now, STEP) == STEP or is_behind
        serving[#serving + 1] = queue
    end
end
if is_behind then
    finish(now)
    return false
end
local claimed, claims, running, leases, kinds = {}, {}, {}, {}, {queues = {}, types = {}}
local taken_from, damaged = {}, {}
local till = int(now + lease)
for _, queue in ipairs(serving) do promote(queue, now, STEP) end
for _, queue in ipairs(serving) do
    local ids, sources = coming(queue, limit - #claims, offsets)
    taken_from[#taken_from + 1] = sources
    local taken = {[0] = 0, 0, 0, 0}
    for place, record in ipairs(load_all(ids)) do
        if record then
            local id, attempt, claim, level = ids[place], 1, nil, nil
            local stage, flags, of_queue, kind, pushed, order, at
            if #record > HEAD_BYTES then stage, flags, of_queue, kind, pushed, order, at = struct.unpack(HEAD, record) end
            local is_ready = stage == READY and of_queue == queue
            local job = not (is_ready and flags < HAS_DUE) and readable(id, record)
            if job == nil then
                damaged[#damaged + 1] = {id, record, queue, origin_of(sources, id)}
            elseif is_ready and not job then
                level = flags
                claim = claim_with(id, 1, 0, 0, pushed, pushed, level, queue, kind, sub(record, at))
            elseif is_ready then
                level = job.level
                attempt = (job.past and job.past[ATTEMPT] or 0) + 1
                claim = claim_of(job, attempt)
                if job.expires and not job.retrying then
                    call('ZREM', B .. ':expiring:' .. queue, member_of(job))
                end
            end
            if claim then
                claimed[#claimed + 1] = id
                claims[#claims + 1] = claim
                running[#running + 1] = id
                running[#running + 1] = running_of(attempt, now, order, 0, worker)
                leases[#leases + 1] = till
                leases[#leases + 1] = struct.pack('>I5', order) .. id
                taken[level] = taken[level] + 1
                kinds.types[kind] = true
            end
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
for _, sources in ipairs(taken_from) do remove(sources) end
for _, each in ipairs(damaged) do
    local id, record, queue, level, order = unpack(each)
    call('ZREM', B .. ':expiring:' .. queue, struct.pack('>I5', order) .. id)
    set_apart(id, record, queue, level, now)
end
finish(now)
return claims_and_names(claimed, claims, kinds)
