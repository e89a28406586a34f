-- push_plain.lua: as push.lua, for jobs that have nothing but a body and are due now, which are most. Written flat: to
-- push one job takes a few microseconds, and each function that Lua has to make first takes a part of one.
-- in:  now; MessagePack of queues, types, rows; then for each row its id and body
-- out: nothing: their own ids stand for them
local now = moment()
local queues, types, rows = unpack(cmsgpack.unpack(ARGV[2]))
local place = call('INCRBY', B .. ':sequence', #rows) - #rows
local queue_numbers, type_numbers, stored = {}, {}, {}
local due, last_second, is_late = int(now) .. '-', nil, false
for index, row in ipairs(rows) do
    local argument, of_queue, of_type = ARGV[index + 2], row[1], row[2]
    local second, field = floor(struct.unpack('>I6', argument) / 1024), sub(argument, 5, 16)
    local bucket = B .. ':job:' .. second
    local queue = queue_numbers[of_queue] or tonumber(call('HGET', B .. ':queues', queues[of_queue]))
    -- A job that is kept already makes no queue.
    if not queue and call('HEXISTS', bucket, field) == 0 then queue = number_of('queues', queues[of_queue], true) end
    if queue then
        queue_numbers[of_queue] = queue
        local kind = type_numbers[of_type] or tonumber(call('HGET', B .. ':types', types[of_type]))
                     or number_of('types', types[of_type], true)
        type_numbers[of_type] = kind
        place = place + 1
        local record = struct.pack(HEAD, READY, row[3], queue, kind, now, place) .. sub(argument, 17)
        if call('HSETNX', bucket, field, record) == 1 then
            if second ~= last_second then
                call('ZADD', B .. ':seconds', second, second)
                last_second = second
            end
            local stream, id = queue .. ':' .. row[3], sub(argument, 1, 16)
            local added = not is_late and redis.pcall('XADD', B .. ':ready:' .. stream, due .. place, 'i', id)
            if type(added) ~= 'string' then
                -- A stream takes nothing that belongs before its last: see `enter`.
                if added and not string.find(added.err, 'equal or smaller', 1, true) then error(added.err, 0) end
                is_late = true
                call('ZADD', B .. ':again:' .. stream, int(now), struct.pack('>I5', place) .. id)
            end
            stored[queue] = stored[queue] or {}
            stored[queue][row[3]] = (stored[queue][row[3]] or 0) + 1
        end
    end
end
for queue, by_level in pairs(stored) do
    local counts = B .. ':counts:' .. queue
    for level, number in pairs(by_level) do count_up(counts, level .. ':pushed', number) end
    call('HSET', counts, 'at', int(now))
    if call('SREM', B .. ':armed', queue) == 1 then call('PUBLISH', B .. ':wake', queue) end
end
