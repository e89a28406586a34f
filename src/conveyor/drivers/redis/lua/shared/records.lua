-- records.lua: records of jobs: where each lies, how it is read and written.

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
