-- resume.lua: end a pause, and wake waiting workers.
-- in:  now; queue
-- out: nothing
local queue = number_of('queues', ARGV[2])
if queue then
    call('SREM', B .. ':paused', queue)
    woken[queue] = true
end
finish(0)
