-- discard.lua: letters have been delivered: take them out of the outbox.
-- in:  nothing; their stamps
-- out: nothing
local stamps = {}
for place = 2, #ARGV do stamps[place - 1] = ARGV[place] end
call_many('HDEL', B .. ':outbox', stamps)
