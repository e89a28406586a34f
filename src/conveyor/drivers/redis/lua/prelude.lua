-- prelude.lua: what the scripts share; the loader puts it in front of each. docs/reference/redis-keys.md names the keys.
-- in:  KEYS[1] the base of all keys, the only one a script is told; ARGV[1] the present moment, or "" for the server's
-- out: local functions. A script ends with `finish(now)`, which writes the counters and wakes whoever waits.

local B = KEYS[1]
local call, floor, band, format, sub = redis.call, math.floor, bit.band, string.format, string.sub
local STEP, MAX_ERRORS = 1000, 50 -- as in drivers/base.py

-- The stages of a job's record. That it runs is no stage: `running` says so.
local USUAL = 2 -- the level of what has lost its own
local READY, DELAYED, HELD, COMPLETED, CANCELLED, FAILED, EXPIRED = 'R', 'D', 'H', 'C', 'X', 'F', 'E'

-- The parts of `past`, what a job has behind it; `false` where there is none.
local ATTEMPT, FAILURES, CRASHES, WORKER, STARTED, FINISHED, PLACE = 1, 2, 3, 4, 5, 6, 7
local RESULT, REASON, NOTE, ERRORS, MEMORY = 8, 9, 10, 11, 12

-- Flags of a record, beside the level in its lowest two bits. Below HAS_DUE it has nothing but head and body.
local HAS_DUE, HAS_EXPIRY, HAS_KEY, HAS_PAST, RETRYING = 4, 8, 16, 32, 64

-- Moments are beyond what Lua writes as a whole number by itself.
local function int(number)
    return format('%.0f', number)
end

local function moment()
    if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
    local time = call('TIME')
    return time[1] * 1000000 + time[2]
end

-- Numbers that grow for ever: reserve as many as may be needed, then take them one by one.
local sequence = 0
local function reserve(count)
    if count > 0 then sequence = call('INCRBY', B .. ':sequence', count) - count end
end

local function next_sequence()
    sequence = sequence + 1
    return sequence
end

-- A command with as many arguments as there are: Lua hands over some thousands at a time.
local function call_many(command, key, arguments)
    local answers = {}
    for from = 1, #arguments, 4000 do
        local answer = call(command, key, unpack(arguments, from, math.min(from + 3999, #arguments)))
        if type(answer) == 'table' then
            for _, each in ipairs(answer) do answers[#answers + 1] = each end
        end
    end
    return answers
end

-- Queues and job types go by numbers; `made` makes one where there is none.
local numbers = {queues = {}, types = {}}
local function number_of(kind, name, made)
    local number = numbers[kind][name]
    if number then return number end
    number = tonumber(call('HGET', B .. ':' .. kind, name))
    if not number and made then
        number = call('HLEN', B .. ':' .. kind) + 1
        call('HSET', B .. ':' .. kind, name, number)
        call('HSET', B .. ':names', kind .. ':' .. number, name)
        if kind == 'queues' and call('SREM', B .. ':armed', '?' .. name) == 1 then
            call('PUBLISH', B .. ':wake', '?')
        end
    end
    numbers[kind][name] = number
    return number
end

local function names_of(kind)
    local flat, names, order = call('HGETALL', B .. ':' .. kind), {}, {}
    for place = 1, #flat, 2 do
        names[flat[place]] = tonumber(flat[place + 1])
        order[#order + 1] = flat[place]
    end
    table.sort(order)
    return names, order
end

-- What is written once, in the end.
local counted, active, woken, thinned = {}, {}, {}, {}

local function count(queue, level, name, number)
    local of_queue = counted[queue]
    if not of_queue then
        of_queue = {}
        counted[queue] = of_queue
    end
    local field = level .. ':' .. name
    of_queue[field] = (of_queue[field] or 0) + number
end

-- Add to a counter. One that a foreign hand has made no number begins anew.
local function count_up(key, field, number)
    local added = redis.pcall('HINCRBY', key, field, number)
    if type(added) == 'table' then
        if not string.find(added.err, 'not an integer', 1, true) then error(added.err, 0) end
        call('HSET', key, field, number)
    end
end

local function finish(now)
    for queue, of_queue in pairs(counted) do
        for field, number in pairs(of_queue) do
            if number ~= 0 then count_up(B .. ':counts:' .. queue, field, number) end
        end
    end
    for queue in pairs(active) do call('HSET', B .. ':counts:' .. queue, 'at', int(now)) end
    for second in pairs(thinned) do
        if call('EXISTS', B .. ':job:' .. second) == 0 then call('ZREM', B .. ':seconds', second) end
    end
    for queue in pairs(woken) do
        if call('SREM', B .. ':armed', queue) == 1 then call('PUBLISH', B .. ':wake', queue) end
    end
end

-- A job's record lies in a hash with the others whose ids were made in the same second (of 1024 ms), under the rest of
-- its id: short fields are cheap, and the hashes are in the order of ids.
local function second_of(id)
    return floor(struct.unpack('>I6', id) / 1024)
end

local function load(id)
    return call('HGET', B .. ':job:' .. second_of(id), sub(id, 5))
end

-- Of many, false for one that is not kept.
local function load_all(ids)
    local records, from = {}, 1
    while from <= #ids do
        local second, fields, next_one = second_of(ids[from]), {}, from
        repeat
            fields[#fields + 1] = sub(ids[next_one], 5)
            next_one = next_one + 1
        until next_one > #ids or #fields == 4000 or second_of(ids[next_one]) ~= second
        for place, record in ipairs(call('HMGET', B .. ':job:' .. second, unpack(fields))) do
            records[from + place - 1] = record
        end
        from = next_one
    end
    return records
end

local seconds = {}
local function save(id, record)
    local second = second_of(id)
    call('HSET', B .. ':job:' .. second, sub(id, 5), record)
    if not seconds[second] then
        call('ZADD', B .. ':seconds', second, second)
        seconds[second] = true
    end
end

-- A record is: stage, flags, queue, type, pushed, sequence, then what the flags say it has, then the body, which is the
-- client's own: MessagePack of payload, options, max_crashes.
local HEAD, HEAD_BYTES = '>c1BI3I3I7I5', 20

local function read(id, record)
    local stage, flags, queue, kind, pushed, place, at = struct.unpack(HEAD, record)
    local job = {id = id, stage = stage, level = band(flags, 3), queue = queue, type = kind, pushed = pushed,
                 sequence = place, due = pushed}
    if flags > 3 then
        if band(flags, HAS_DUE) ~= 0 then job.due, at = struct.unpack('>I8', record, at) end
        if band(flags, HAS_EXPIRY) ~= 0 then job.expires, at = struct.unpack('>i8', record, at) end
        if band(flags, HAS_KEY) ~= 0 then job.unique, at = struct.unpack('>I4c0', record, at) end
        if band(flags, HAS_PAST) ~= 0 then
            at, job.past = cmsgpack.unpack_one(record, at - 1)
            at = at + 1
        end
        job.retrying = band(flags, RETRYING) ~= 0
    end
    job.body = sub(record, at)
    return job
end

-- Whose record may be no record: a foreign hand or a damaged disk has been there. Nothing then.
local function readable(id, record)
    if #record <= HEAD_BYTES then return end
    local is_read, job = pcall(read, id, record)
    if not is_read or not string.find('RDHCXFE', job.stage, 1, true) then return end
    if job.past and (type(job.past) ~= 'table' or type(job.past[ERRORS]) ~= 'table') then return end
    return job
end

local function waits(job)
    return job.stage == READY or job.stage == DELAYED or job.stage == HELD
end

local function write(job)
    local flags, more = job.level, ''
    if job.due ~= job.pushed then
        flags = flags + HAS_DUE
        more = struct.pack('>I8', job.due)
    end
    if job.expires then
        flags = flags + HAS_EXPIRY
        more = more .. struct.pack('>i8', job.expires)
    end
    if job.unique then
        flags = flags + HAS_KEY
        more = more .. struct.pack('>I4', #job.unique) .. job.unique
    end
    if job.past then
        flags = flags + HAS_PAST
        more = more .. cmsgpack.pack(job.past)
    end
    if job.retrying then flags = flags + RETRYING end
    local head = struct.pack(HEAD, job.stage, flags, job.queue, job.type, job.pushed, job.sequence)
    save(job.id, head .. more .. job.body)
end

local function past_of(job)
    if not job.past then job.past = {0, 0, 0, false, false, false, false, false, false, false, {}, false} end
    return job.past
end

local function add_error(job, failure)
    local errors = past_of(job)[ERRORS]
    errors[#errors + 1] = failure
    if #errors > MAX_ERRORS then table.remove(errors, 2) end
end

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

-- What runs: attempt, when it began, sequence, whether it is to be cancelled, whose it is.
local function running_of(attempt, started, place, cancel, worker)
    return struct.pack('>I4I7I5B', attempt, started, place, cancel) .. worker
end

local function read_running(running)
    if #running < 17 then return 0, 0, 0, 0, '' end
    local attempt, started, place, cancel, at = struct.unpack('>I4I7I5B', running)
    return attempt, started, place, cancel, sub(running, at)
end

-- A running job of which what is stored is damaged ends, and becomes a dead letter.
local function end_damaged(id, record, running, now)
    local attempt, _, order, _, worker = read_running(running)
    local job = readable(id, record)
    if job then
        local past = past_of(job)
        past[ATTEMPT], past[WORKER], order = attempt, worker, job.sequence
    end
    local queue = job and job.queue or number_of('queues', 'unknown', true)
    call('HDEL', B .. ':running', id)
    call('ZREM', B .. ':leases', struct.pack('>I5', order) .. id)
    call('SREM', B .. ':cancels', id)
    count(queue, job and job.level or USUAL, 'processing', -1)
    set_apart(id, record, queue, USUAL, now, job)
end

-- Everything about these jobs, for people: of each its id, record or nothing, what runs or nothing, the lease's end or
-- nothing; behind it what the numbers in the records stand for, key and name in turn.
local function shown(ids)
    local answer, known = {}, {}
    local function name(kind, number)
        known[kind .. ':' .. number] = known[kind .. ':' .. number] or call('HGET', B .. ':names', kind .. ':' .. number) or ''
    end
    for _, id in ipairs(ids) do
        local record = load(id)
        local running = record and call('HGET', B .. ':running', id)
        local lease = running and call('ZSCORE', B .. ':leases', sub(running, 12, 16) .. id)
        answer[#answer + 1] = id
        answer[#answer + 1] = record
        answer[#answer + 1] = running
        answer[#answer + 1] = lease
        if record and #record > HEAD_BYTES then
            local _, _, queue, type = struct.unpack(HEAD, record)
            name('queues', queue)
            name('types', type)
        end
    end
    local names = {}
    for key, text in pairs(known) do
        names[#names + 1] = key
        names[#names + 1] = text
    end
    return {answer, names}
end

-- The ids in a string that has nothing else.
local function ids_in(joined)
    local ids = {}
    for at = 1, #joined, 16 do ids[#ids + 1] = sub(joined, at, at + 15) end
    return ids
end

-- One claim as the client reads it: an array of ten, the last of them the body.
local function claim_with(id, attempt, failures, crashes, pushed, due, level, queue, kind, body)
    return '\154\196\16' .. id .. cmsgpack.pack(attempt, failures, crashes, pushed, due, level, queue, kind) .. body
end

local function claim_of(job, attempt)
    local past = job.past
    return claim_with(job.id, attempt, past and past[FAILURES] or 0, past and past[CRASHES] or 0, job.pushed, job.due,
                      job.level, job.queue, job.type, job.body)
end

-- The ids of claims, and the claims behind a table of the names that their numbers stand for: numbers, and names in the
-- same order.
local function claims_and_names(ids, claims, kinds)
    local answer = ''
    for _, kind in ipairs({'queues', 'types'}) do
        local keys, names = {}, {}
        for number in pairs(kinds[kind]) do
            keys[#keys + 1] = number
            names[#names + 1] = call('HGET', B .. ':names', kind .. ':' .. number) or ''
        end
        answer = answer .. cmsgpack.pack(keys, names)
    end
    return {table.concat(ids), '\149' .. answer .. struct.pack('>BI4', 221, #claims) .. table.concat(claims)}
end

-- The id of the job that is in the way of a new one with its unique key, by the rule that the new one brings; and
-- whether that one waits and is to become what was pushed.
local function rival_of(row, queue, now)
    local unique, till, ttl, replaces = row[5], row[8], row[9], row[10]
    local function counts(job)
        if till == 'start' and (call('HEXISTS', B .. ':running', job.id) == 1 or past_of(job)[ATTEMPT] > 0) then return false end
        return not ttl or now < job.pushed + ttl
    end
    local holder = call('HGET', B .. ':unique:' .. queue, unique)
    if holder and not till and not ttl and not replaces then return holder end
    local record = holder and load(holder)
    local job = record and readable(holder, record)
    if job then
        if counts(job) then
            local is_open = replaces and not job.retrying and call('HEXISTS', B .. ':running', holder) == 0
            return holder, is_open and job
        end
    end
    if till == 'success' then
        local under = buried_under(unique)
        local last = call('ZREVRANGEBYLEX', B .. ':buried:' .. queue, '[' .. under .. '\255', '[' .. under, 'LIMIT', 0, 1)[1]
        record = last and load(sub(last, -16))
        job = record and readable(sub(last, -16), record)
        if job and counts(job) then return sub(last, -16) end
    end
    return nil, nil, holder
end

-- When a new job becomes due, and when it expires.
local function moments_of(row, now)
    local due, expires = now, row[4]
    if row[2] then
        due = row[2]
    elseif row[1] then
        due = now + row[1]
    end
    if not expires and row[3] then expires = now + row[3] end
    return due > now and due or now, expires
end

local function replace(job, row, level, kind, body, now)
    leave(job)
    job.type, job.level, job.body = kind, level, body
    job.due, job.expires = moments_of(row, now)
    local past = past_of(job)
    past[FAILURES], past[CRASHES], past[NOTE] = 0, 0, false
    enter(job, job.due > now and DELAYED or READY)
    active[job.queue] = true
end

-- Store new jobs by the rules of `push`; `rows` say about each what its body does not: see encoding.py. Answers whose
-- ids stand for them. Each of `arguments` from `from` on is an id and a body.
local function push(rows, queues, types, arguments, from, now, wanted)
    local answer = {}
    reserve(#rows)
    for place, row in ipairs(rows) do
        local argument, level, more = arguments[from + place - 1], row[3], row[4]
        local id, name, kind = sub(argument, 1, 16), queues[row[1]], types[row[2]]
        local queue = number_of('queues', name)
        answer[place] = id
        more = more or {}
        if (not wanted or wanted[more[7]]) and call('HEXISTS', B .. ':job:' .. second_of(id), sub(id, 5)) == 0 then
            local body, unique, slot = sub(argument, 17), more[5], more[6]
            local stands, open, holder
            if unique and queue then
                stands, open, holder = rival_of(more, queue, now)
                if open then replace(open, more, level, number_of('types', kind, true), body, now) end
            end
            if not stands and slot then stands = call('HGET', B .. ':slots', slot) end
            if stands then
                answer[place] = stands
            else
                queue = queue or number_of('queues', name, true)
                local due, expires = moments_of(more, now)
                local job = {id = id, level = level, queue = queue, type = number_of('types', kind, true), pushed = now,
                             sequence = next_sequence(), due = due, expires = expires, unique = unique, body = body}
                if more[11] then
                    local past = past_of(job)
                    past[ATTEMPT], past[FAILURES], past[CRASHES] = unpack(more[11])
                end
                local loser = holder and load(holder)
                loser = loser and readable(holder, loser)
                if loser then
                    loser.unique = nil
                    write(loser)
                end
                if unique then call('HSET', B .. ':unique:' .. queue, unique, id) end
                if slot then
                    call('HSET', B .. ':slots', slot, id)
                    call('ZADD', B .. ':slot-times', int(now), slot)
                end
                enter(job, due > now and DELAYED or READY, true)
                count(queue, level, 'pushed', 1)
                active[queue] = true
            end
        end
    end
    return answer
end

-- A dead letter that was exhumed is to be done again, with these edits: payload, queue (the caller's to change), level.
local function revive(job, edits, place)
    local past = past_of(job)
    if edits[3] then job.level = edits[3] end
    local payload = edits[5] and edits[5][place] or edits[1]
    if payload then
        local body = cmsgpack.unpack(job.body)
        body[1] = payload
        job.body = cmsgpack.pack(body)
    end
    past[FAILURES], past[CRASHES], past[STARTED], past[FINISHED], past[PLACE] = 0, 0, false, false, false
    past[REASON], past[NOTE], past[MEMORY] = false, false, false
    job.expires = nil
end

-- The running jobs that someone asked to cancel and that are held by those whom ARGV names from `from` on.
local function asked_of(from)
    local holders, answer = {}, {}
    for place = from, #ARGV do holders[ARGV[place]] = true end
    for _, id in ipairs(call('SMEMBERS', B .. ':cancels')) do
        local running = call('HGET', B .. ':running', id)
        local attempt, worker, _
        if running then attempt, _, _, _, worker = read_running(running) end
        if worker and holders[worker] then
            answer[#answer + 1] = id
            answer[#answer + 1] = attempt
        end
    end
    return answer
end

-- Letters, in a store of many partitions: what belongs to another partition is kept here until it is delivered there.
-- Each has a stamp of its own. Without `wanted`, all are posted.
local function post(letters, from, wanted)
    for place, owner in ipairs(letters) do
        local at = from + 2 * (place - 1)
        if not wanted or wanted[owner] then call('HSET', B .. ':outbox', ARGV[at], ARGV[at + 1]) end
    end
end

-- Letters that were delivered here are remembered until they are out of their outboxes, and some time longer, for whoever
-- delivers one just now; see discard.lua and acknowledge.lua. Last of all, for an error before that is to be made good.
local function was_delivered(stamp)
    return call('ZSCORE', B .. ':delivered', stamp)
end

local function note_delivery(stamp, now)
    call('ZADD', B .. ':delivered', int(now + 2592000000000), stamp)
end
