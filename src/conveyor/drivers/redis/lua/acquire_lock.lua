-- acquire_lock.lua: take a lock, or renew it for its owner.
-- in:  now; name; owner; time to live in microseconds
-- out: fence and end; nothing when another owner holds it
local now = moment()
local known = call('HGET', B .. ':locks', ARGV[2])
local fence, ends, at = 0, 0, nil
if known and #known >= 15 then
    fence, ends, at = struct.unpack('>I7I8', known)
elseif known then
    -- Damaged: this is more than any fence that was counted.
    fence = now
end
if ends > now then
    if sub(known, at) ~= ARGV[3] then return false end
else
    fence = fence + 1
end
ends = now + ARGV[4]
call('HSET', B .. ':locks', ARGV[2], struct.pack('>I7I8', fence, ends) .. ARGV[3])
return {fence, int(ends)}
