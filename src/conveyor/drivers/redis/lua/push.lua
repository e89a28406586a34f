-- push.lua: store new jobs, all or none.
-- in:  now; MessagePack of queues, types, rows; then for each row its id and body
-- out: the ids that stand for the jobs, joined
local now = moment()
local queues, types, rows = unpack(cmsgpack.unpack(ARGV[2]))
local answer = push(rows, queues, types, ARGV, 3, now)
finish(now)
return table.concat(answer)
