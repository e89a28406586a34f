-- redrive.lua: bring dead letters back, in the order given.
-- in:  now; ids, joined; MessagePack of payload, queue, level, delay in microseconds, and each one's payload (nothing for no change)
-- out: how many came back
local now = moment()
local ids, edits = ids_in(ARGV[2]), cmsgpack.unpack(ARGV[3])
local done = 0
reserve(#ids)
for place, id in ipairs(ids) do
    local record = load(id)
    local job = record and readable(id, record)
    if job and (job.stage == FAILED or job.stage == EXPIRED) then
        exhume(job)
        revive(job, edits, place)
        if edits[2] then job.queue = number_of('queues', edits[2], true) end
        if job.unique then
            if call('HSETNX', B .. ':unique:' .. job.queue, job.unique, id) == 0 then job.unique = nil end
        end
        job.sequence = next_sequence()
        job.due = now + edits[4]
        enter(job, edits[4] > 0 and DELAYED or READY)
        done = done + 1
    end
end
finish(now)
return done
