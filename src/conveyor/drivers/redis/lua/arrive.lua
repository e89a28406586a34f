-- arrive.lua: a dead letter of another partition comes back in a queue of this one.
-- in:  now; the letter's stamp; what it says, see depart.lua
-- out: nothing
local now = moment()
if was_delivered(ARGV[2]) then return end
local id, queue, kind, level, delay, pushed, unique, past, body, progress = unpack(cmsgpack.unpack(ARGV[3]))
if call('HEXISTS', B .. ':job:' .. second_of(id), sub(id, 5)) == 1 then return note_delivery(ARGV[2], now) end
reserve(1)
local job = {id = id, level = level, queue = number_of('queues', queue, true), type = number_of('types', kind, true),
             pushed = pushed, sequence = next_sequence(), due = now + delay, past = past, body = body}
if unique and call('HSETNX', B .. ':unique:' .. job.queue, unique, id) == 1 then job.unique = unique end
enter(job, delay > 0 and DELAYED or READY)
if progress then call('HSET', B .. ':progress', id, progress) end
finish(now)
note_delivery(ARGV[2], now)
