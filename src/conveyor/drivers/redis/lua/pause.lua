-- pause.lua: let no job of the queue be claimed.
-- in:  nothing; queue
-- out: nothing
call('SADD', B .. ':paused', number_of('queues', ARGV[2], true))
