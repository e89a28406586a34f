-- store.lua: the base of the keys, moments, numbers that stand for names, and the counters that are written once, in the end.
-- Of the files here the loader puts in front of each script what it uses. docs/reference/redis-keys.md names the keys.
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
