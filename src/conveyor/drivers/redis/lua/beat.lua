-- beat.lua: record that a worker lives.
-- in:  now; name; record; then its children
-- out: the claims of its children that someone asked to cancel: id and attempt of each
local now = moment()
call('HSET', B .. ':workers', ARGV[2], struct.pack('>I8', now) .. ARGV[3])
call('ZADD', B .. ':beats', int(now), ARGV[2])
return asked_of(4)
