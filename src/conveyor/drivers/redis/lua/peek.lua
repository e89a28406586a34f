-- peek.lua: the next ready jobs of a queue, in the order claim.lua takes them.
-- in:  nothing; queue; limit; MessagePack of the levels' offsets
-- out: as get.lua
local queue = number_of('queues', ARGV[2])
if not queue then return {{}, {}} end
return shown((coming(queue, tonumber(ARGV[3]), cmsgpack.unpack(ARGV[4]))))
