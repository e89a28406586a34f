-- push_one.lua: as push_plain.lua, for one job in a queue and of a type that have been seen before. Nothing of what is shared:
-- to push one job takes a few microseconds, and each function that Lua has to make first takes a part of one.
-- in:  now; queue; type; level; id and body
-- out: 1; or nothing, and nothing was done, when the queue or the type is new
local call, B, level, argument = redis.call, KEYS[1], ARGV[4], ARGV[5]
local queue, kind = call('HGET', B .. ':queues', ARGV[2]), call('HGET', B .. ':types', ARGV[3])
if not queue or not kind then return false end
local now = ARGV[1]
if now == '' then
    local time = call('TIME')
    now = time[1] .. string.sub('00000' .. time[2], -6)
end
local second = math.floor(struct.unpack('>I6', argument) / 1024)
local bucket = B .. ':job:' .. second
local place = call('INCR', B .. ':sequence')
local record = struct.pack('>c1BI3I3I7I5', 'R', level, queue, kind, now, place) .. string.sub(argument, 17)
if call('HSETNX', bucket, string.sub(argument, 5, 16), record) == 0 then return 1 end
if call('HLEN', bucket) == 1 then call('ZADD', B .. ':seconds', second, second) end
local id, stream = string.sub(argument, 1, 16), queue .. ':' .. level
local added = redis.pcall('XADD', B .. ':ready:' .. stream, now .. '-' .. place, 'i', id)
if type(added) == 'table' then
    -- A stream takes nothing that belongs before its last: see `enter`.
    if not string.find(added.err, 'equal or smaller', 1, true) then error(added.err, 0) end
    call('ZADD', B .. ':again:' .. stream, now, struct.pack('>I5', place) .. id)
end
local counted = redis.pcall('HINCRBY', B .. ':counts:' .. queue, level .. ':pushed', 1)
if type(counted) == 'table' then
    -- See `count_up`.
    if not string.find(counted.err, 'not an integer', 1, true) then error(counted.err, 0) end
    call('HSET', B .. ':counts:' .. queue, level .. ':pushed', 1)
end
call('HSET', B .. ':counts:' .. queue, 'at', now)
if call('SREM', B .. ':armed', queue) == 1 then call('PUBLISH', B .. ':wake', queue) end
return 1
