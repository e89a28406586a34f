-- order.lua: the waiting jobs of a queue in their order: expiring, becoming due, taken out.

-- Bury up to `limit` waiting jobs of the queue that are past their expiry; answer how many.
local function expire(queue, now, limit)
    local overdue = call('ZRANGEBYSCORE', B .. ':expiring:' .. queue, '-inf', int(now), 'LIMIT', 0, limit)
    reserve(#overdue)
    for _, member in ipairs(overdue) do
        local id = id_of(member)
        local record = load(id)
        local job = record and readable(id, record)
        if job and waits(job) then
            leave(job)
            local past = past_of(job)
            past[REASON], past[NOTE] = 'expired', false
            add_error(job, format('{"attempt":%d,"reason":"expired","error_type":"","message":"expired: not begun before %s",'
                                  .. '"ended_at":%s}', past[ATTEMPT], iso(job.expires), int(now)))
            conclude(job, EXPIRED, now)
            count(queue, job.level, 'failed', 1)
        else
            call('ZREM', B .. ':expiring:' .. queue, member)
            if record and not job then set_apart(id, record, queue, USUAL, now) end
        end
    end
    return #overdue
end

-- Make up to `limit` delayed jobs of the queue ready that have become due; answer how many.
local function promote(queue, now, limit)
    local due = call('ZRANGEBYSCORE', B .. ':delayed:' .. queue, '-inf', int(now), 'LIMIT', 0, limit)
    for _, member in ipairs(due) do
        local id = id_of(member)
        local record = load(id)
        local job = record and readable(id, record)
        if record and (not job or job.stage ~= DELAYED) then
            if not job then set_apart(id, record, queue, USUAL, now) end
            count(queue, job and job.level or USUAL, 'delayed', -1)
        elseif job then
            call('ZADD', key_of('again', job), int(job.due), member)
            job.stage = READY
            write(job)
            count(queue, job.level, 'delayed', -1)
            woken[queue] = true
        end
    end
    if #due > 0 then call('ZREMRANGEBYRANK', B .. ':delayed:' .. queue, 0, #due - 1) end
    return #due
end

-- The next ready jobs of a queue, up to `limit`: their ids in order, and how much of each source that is. `offsets` is
-- what each level adds to the due moment; in a level, stream and set are each in order already.
local function sources_of(queue, limit)
    local sources = {}
    for level = 0, 3 do
        local key = B .. ':ready:' .. queue .. ':' .. level
        local entries = call('XRANGE', key, '-', '+', 'COUNT', limit)
        if #entries > 0 then sources[#sources + 1] = {key = key, level = level, entries = entries, n = #entries, taken = 0} end
        key = B .. ':again:' .. queue .. ':' .. level
        local members = call('ZRANGE', key, 0, limit - 1, 'WITHSCORES')
        if #members > 0 then sources[#sources + 1] = {key = key, level = level, members = members, n = #members / 2, taken = 0} end
    end
    return sources
end

local function look_at(source, offsets)
    local place = source.taken + 1
    if place > source.n then
        source.score = nil
    elseif source.entries then
        local due, order = string.match(source.entries[place][1], '^(%d+)-(%d+)$')
        source.score, source.order = offsets[source.level + 1] + due, tonumber(order)
    else
        source.score = offsets[source.level + 1] + source.members[2 * place]
        source.order = struct.unpack('>I5', source.members[2 * place - 1])
    end
end

local function take_from(source)
    source.taken = source.taken + 1
    if source.entries then return source.entries[source.taken][2][2] end
    return id_of(source.members[2 * source.taken - 1])
end

local function coming(queue, limit, offsets)
    local ids = {}
    if limit <= 0 then return ids, {} end
    local sources = sources_of(queue, limit)
    if #sources == 1 then
        for place = 1, sources[1].n do ids[place] = take_from(sources[1]) end
        return ids, sources
    end
    for _, source in ipairs(sources) do look_at(source, offsets) end
    while #ids < limit do
        local best
        for _, source in ipairs(sources) do
            if source.score and (not best or source.score < best.score
                                 or (source.score == best.score and source.order < best.order)) then
                best = source
            end
        end
        if not best then break end
        ids[#ids + 1] = take_from(best)
        look_at(best, offsets)
    end
    return ids, sources
end

-- From which level, and with which sequence number, `coming` has this id.
local function origin_of(sources, id)
    for _, source in ipairs(sources) do
        for place = 1, source.taken do
            if source.entries then
                local entry = source.entries[place]
                if entry[2][2] == id then return source.level, tonumber(string.match(entry[1], '-(%d+)$')) end
            else
                local member = source.members[2 * place - 1]
                if id_of(member) == id then return source.level, (struct.unpack('>I5', member)) end
            end
        end
    end
end

-- Take out of their orders what `coming` found.
local function remove(sources)
    for _, source in ipairs(sources) do
        if source.taken > 0 then
            if source.members then
                call('ZREMRANGEBYRANK', source.key, 0, source.taken - 1)
            elseif source.taken == source.n and call('XLEN', source.key) == source.n then
                call('DEL', source.key)
            else
                local due, order = string.match(source.entries[source.taken][1], '^(%d+)-(%d+)$')
                call('XTRIM', source.key, 'MINID', due .. '-' .. int(order + 1))
            end
        end
    end
end
