-- leave.lua: forget a worker that stops.
-- in:  nothing; name
-- out: nothing
call('HDEL', B .. ':workers', ARGV[2])
call('ZREM', B .. ':beats', ARGV[2])
