-- tend.lua: one bounded step of housekeeping: prune, bury, promote, offer held jobs again, forget silent workers.
-- in:  now; MessagePack of finished_age, finished_count, dead_age, dead_count, span and age of metrics in turn, slot_age
--      (ages in microseconds, nothing for no bound) and the types known
-- out: how many were promoted, buried, offered again; finished jobs, dead letters and metrics pruned; letters in the outbox
local now = moment()
local keep = cmsgpack.unpack(ARGV[2])

local function prune(ended, age, number)
    local key = B .. ':' .. ended
    local excess = number and call('XLEN', key) - number or 0
    local first = call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
    local cutoff = age and now - age
    local function is_old(entry)
        return cutoff and struct.unpack('>I8', entry[2][2], 17) < cutoff
    end
    if not first or (excess <= 0 and not is_old(first)) then return 0 end
    local pruned = 0
    for place, entry in ipairs(call('XRANGE', key, '-', '+', 'COUNT', STEP)) do
        if place <= excess or is_old(entry) then
            local id = sub(entry[2][2], 1, 16)
            local record = load(id)
            local job = record and readable(id, record)
            if job and job.past and int(job.past[PLACE] or 0) .. '-0' == entry[1] then
                exhume(job)
                delete(job)
            else
                call('XDEL', key, entry[1])
                if not job then call('ZREM', B .. ':dead-ids', id) end
                if record and not job then delete({id = id}) end
            end
            pruned = pruned + 1
        end
    end
    return pruned
end

local function prune_metrics()
    local left = STEP
    for place = 1, #keep[5], 2 do
        local span, age = keep[5][place], keep[5][place + 1]
        local last = int(floor((now - age) / 60000000) - span)
        for _, minute in ipairs(call('ZRANGEBYSCORE', B .. ':minutes:' .. span, '-inf', last, 'LIMIT', 0, left)) do
            local key = B .. ':metrics:' .. span .. ':' .. minute
            local rows = call('HKEYS', key)
            for row = 1, math.min(left, #rows) do call('HDEL', key, rows[row]) end
            if #rows <= left then call('ZREM', B .. ':minutes:' .. span, minute) end
            left = left - math.min(left, #rows)
            if left == 0 then return STEP end
        end
    end
    return STEP - left
end

local function prune_slots()
    if not keep[6] then return end
    for _, slot in ipairs(call('ZRANGEBYSCORE', B .. ':slot-times', '-inf', '(' .. int(now - keep[6]), 'LIMIT', 0, STEP)) do
        call('HDEL', B .. ':slots', slot)
        call('ZREM', B .. ':slot-times', slot)
    end
end

local function forget_workers()
    local day = 86400000000
    for _, name in ipairs(call('ZRANGEBYSCORE', B .. ':beats', '-inf', '(' .. int(now - day), 'LIMIT', 0, STEP)) do
        call('HDEL', B .. ':workers', name)
        call('ZREM', B .. ':beats', name)
    end
end

local function offer(queue, known, limit)
    local done = 0
    for type in pairs(known) do
        local key = B .. ':held:' .. queue .. ':' .. type
        for _, member in ipairs(call('ZRANGE', key, 0, limit - done - 1)) do
            local id = id_of(member)
            local record = load(id)
            local job = record and readable(id, record)
            if job and job.stage == HELD then
                leave(job)
                past_of(job)[NOTE] = false
                enter(job, READY)
            else
                call('ZREM', key, member)
                count(queue, USUAL, 'held', -1)
                if record and not job then set_apart(id, record, queue, USUAL, now) end
            end
            done = done + 1
        end
        if done == limit then break end
    end
    return done
end

local finished = prune('finished', keep[1], keep[2])
local dead = prune('dead', keep[3], keep[4])
local metrics = prune_metrics()
prune_slots()
call('ZREMRANGEBYSCORE', B .. ':delivered', '-inf', int(now))
forget_workers()
local queues, names = names_of('queues')
local buried, promoted, offered = 0, 0, 0
for _, name in ipairs(names) do
    if buried < STEP then buried = buried + expire(queues[name], now, STEP - buried) end
    if promoted < STEP then promoted = promoted + promote(queues[name], now, STEP - promoted) end
end
if call('SCARD', B .. ':held') > 0 then
    local known = {}
    for _, type in ipairs(keep[7]) do
        local number = number_of('types', type)
        if number then known[number] = true end
    end
    for _, name in ipairs(names) do
        if offered < STEP then offered = offered + offer(queues[name], known, STEP - offered) end
    end
end
finish(now)
return {promoted, buried, offered, finished, dead, metrics, call('HLEN', B .. ':outbox')}
