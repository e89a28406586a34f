-- write_progress.lua: record how far a job is, while the claim holds.
-- in:  now; id; attempt; record
-- out: 1 if it was recorded, else 0
local now = moment()
local running = call('HGET', B .. ':running', ARGV[2])
if not running or (read_running(running)) ~= tonumber(ARGV[3]) then return 0 end
call('HSET', B .. ':progress', ARGV[2], struct.pack('>I8', now) .. ARGV[4])
return 1
