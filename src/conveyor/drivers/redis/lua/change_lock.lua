-- change_lock.lua: renew a lock that is held, or give it up. The fence stays, to go on growing.
-- in:  now; name; owner; time to live in microseconds, 0 to give it up
-- out: 1, or 0 when this owner does not hold it
local now = moment()
local known = call('HGET', B .. ':locks', ARGV[2])
if not known or #known < 15 then return 0 end
local fence, ends, at = struct.unpack('>I7I8', known)
if ends <= now or sub(known, at) ~= ARGV[3] then return 0 end
local left = tonumber(ARGV[4])
call('HSET', B .. ':locks', ARGV[2], struct.pack('>I7I8', fence, left > 0 and now + left or 0) .. ARGV[3])
return 1
