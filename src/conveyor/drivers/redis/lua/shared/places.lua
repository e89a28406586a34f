-- places.lua: where a job stands in the order, and how it leaves one place for another.

-- In sorted sets jobs of one score come in the order they were pushed.
local function member_of(job)
    return struct.pack('>I5', job.sequence) .. job.id
end

local function id_of(member)
    return sub(member, 6)
end

local function place_of(job)
    return int(job.due) .. '-' .. int(job.sequence)
end

local function key_of(kind, job)
    return B .. ':' .. kind .. ':' .. job.queue .. ':' .. job.level
end

local function held_key(job)
    return B .. ':held:' .. job.queue .. ':' .. job.type
end

-- A waiting job leaves its place; what becomes of it is the caller's to say.
local function leave(job)
    local member = member_of(job)
    if job.stage == READY then
        if call('XDEL', key_of('ready', job), place_of(job)) == 0 then call('ZREM', key_of('again', job), member) end
    elseif job.stage == DELAYED then
        call('ZREM', B .. ':delayed:' .. job.queue, member)
        count(job.queue, job.level, 'delayed', -1)
    else
        call('ZREM', held_key(job), member)
        if call('EXISTS', held_key(job)) == 0 then call('SREM', B .. ':held', job.queue .. ':' .. job.type) end
        count(job.queue, job.level, 'held', -1)
    end
    if job.expires and not job.retrying then call('ZREM', B .. ':expiring:' .. job.queue, member) end
end

-- A job waits from now on. A stream takes jobs in the order of their places only, and costs a fifth of a sorted set:
-- so new jobs go there, and those that come back, or come out of order, to the set beside it.
local function enter(job, stage, is_new)
    job.stage = stage
    local member
    if stage == READY then
        local added = is_new and redis.pcall('XADD', key_of('ready', job), place_of(job), 'i', job.id)
        if type(added) ~= 'string' then
            if added and added.err and not string.find(added.err, 'equal or smaller', 1, true) then error(added.err, 0) end
            call('ZADD', key_of('again', job), int(job.due), member_of(job))
        end
        woken[job.queue] = true
    elseif stage == DELAYED then
        member = member_of(job)
        call('ZADD', B .. ':delayed:' .. job.queue, int(job.due), member)
        if call('ZRANGE', B .. ':delayed:' .. job.queue, 0, 0)[1] == member then woken[job.queue] = true end
        count(job.queue, job.level, 'delayed', 1)
    else
        call('ZADD', held_key(job), int(job.due), member_of(job))
        call('SADD', B .. ':held', job.queue .. ':' .. job.type)
        count(job.queue, job.level, 'held', 1)
    end
    if job.expires and not job.retrying then
        call('ZADD', B .. ':expiring:' .. job.queue, int(job.expires), member or member_of(job))
    end
    write(job)
end

local function free_key(job)
    if job.unique and call('HGET', B .. ':unique:' .. job.queue, job.unique) == job.id then
        call('HDEL', B .. ':unique:' .. job.queue, job.unique)
    end
end

-- Dead letters are found by their ids; those with a unique key are kept by it too, in the order they were buried.
local function buried_under(key)
    return struct.pack('>I4', #key) .. key
end

local function bury(job)
    count(job.queue, job.level, 'dead', 1)
    call('ZADD', B .. ':dead-ids', 0, job.id)
    if job.unique then
        local member = buried_under(job.unique) .. struct.pack('>I7', job.past[PLACE]) .. job.id
        call('ZADD', B .. ':buried:' .. job.queue, 0, member)
    end
end

-- An ended job goes from its order.
local function exhume(job)
    local place = job.past[PLACE]
    if job.stage == COMPLETED or job.stage == CANCELLED then
        call('XDEL', B .. ':finished', int(place) .. '-0')
        return
    end
    call('XDEL', B .. ':dead', int(place) .. '-0')
    call('ZREM', B .. ':dead-ids', job.id)
    count(job.queue, job.level, 'dead', -1)
    if job.unique then
        call('ZREM', B .. ':buried:' .. job.queue, buried_under(job.unique) .. struct.pack('>I7', place) .. job.id)
    end
end

-- A job that has left its place becomes history or a dead letter. Needs one reserved number.
local function conclude(job, stage, now)
    local past = past_of(job)
    past[FINISHED], past[PLACE] = now, next_sequence()
    free_key(job)
    job.stage, job.retrying = stage, false
    local ended = 'finished'
    if stage == FAILED or stage == EXPIRED then
        ended = 'dead'
        bury(job)
    end
    call('XADD', B .. ':' .. ended, int(past[PLACE]) .. '-0', 'i', job.id .. struct.pack('>I8', now))
    write(job)
end

-- A job that has left its place, and cannot be read: a dead letter of the queue and the level where it was found, with its
-- bytes. Of what can be read of it `job` is the rest, if anything.
local function set_apart(id, record, queue, level, now, job)
    local function hex(bytes)
        return (string.gsub(bytes, '.', function(byte) return format('%02X', string.byte(byte)) end))
    end
    if job then
        job.body = cmsgpack.pack({hex(job.body), '', 3})
    else
        job = {id = id, level = level, queue = queue, type = number_of('types', 'unknown', true), pushed = now, due = now,
               sequence = 0, body = cmsgpack.pack({hex(record), '', 3})}
        -- Its unique key, if it has one, is known by its holder alone.
        local cursor = '0'
        repeat
            local found = call('HSCAN', B .. ':unique:' .. queue, cursor, 'COUNT', STEP)
            cursor = found[1]
            for place = 2, #found[2], 2 do
                if found[2][place] == id then call('HDEL', B .. ':unique:' .. queue, found[2][place - 1]) end
            end
        until cursor == '0'
    end
    local past, taken = past_of(job), sequence
    past[REASON], past[NOTE] = 'unreadable', false
    add_error(job, format('{"attempt":%d,"reason":"unreadable","error_type":"","message":"what is stored of this job is damaged; '
                          .. 'its bytes are kept as hexadecimal digits","ended_at":%s}', past[ATTEMPT], int(now)))
    reserve(1)
    conclude(job, FAILED, now)
    sequence = taken
    count(job.queue, job.level, 'failed', 1)
end

-- Keep nothing of a job that has left its place.
local function delete(job)
    local second = second_of(job.id)
    call('HDEL', B .. ':job:' .. second, sub(job.id, 5))
    call('HDEL', B .. ':progress', job.id)
    thinned[second] = true
end

-- As Python's datetime.isoformat() in UTC. The calendar is Howard Hinnant's civil_from_days.
local function iso(at)
    local days, micros = floor(at / 86400000000), at % 1000000
    local second = floor(at / 1000000) % 86400
    local shifted = days + 719468
    local era = floor(shifted / 146097)
    local of_era = shifted - era * 146097
    local years = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
    local of_year = of_era - (365 * years + floor(years / 4) - floor(years / 100))
    local shifted_month = floor((5 * of_year + 2) / 153)
    local day = of_year - floor((153 * shifted_month + 2) / 5) + 1
    local month = shifted_month < 10 and shifted_month + 3 or shifted_month - 9
    local year = years + era * 400 + (month <= 2 and 1 or 0)
    local fraction = micros > 0 and format('.%06d', micros) or ''
    return format('%04d-%02d-%02dT%02d:%02d:%02d%s+00:00', year, month, day, floor(second / 3600),
                  floor(second / 60) % 60, second % 60, fraction)
end
