-- push.lua: store new jobs, all or none; those in letters too, which are to be delivered to other partitions.
-- in:  now; MessagePack of queues, types, rows, one number a letter, and the stamp if this is a letter itself, else "";
--      then for each row its id and body, then for each letter its stamp and what it says
-- out: the ids that stand for the jobs, joined
local now = moment()
local queues, types, rows, letters, stamp = unpack(cmsgpack.unpack(ARGV[2]))
if stamp ~= '' and was_delivered(stamp) then return '' end
local answer = push(rows, queues, types, ARGV, 3, now)
post(letters, 3 + #rows)
finish(now)
if stamp ~= '' then note_delivery(stamp, now) end
return table.concat(answer)
