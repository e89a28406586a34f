-- redrive.lua: bring dead letters back, in the order given.
-- in:  now; ids, joined; MessagePack of payload, queue, level, delay in microseconds (nothing for no change)
-- out: how many came back
local now = moment()
local ids, edits = ids_in(ARGV[2]), cmsgpack.unpack(ARGV[3])
local done = 0
reserve(#ids)
for _, id in ipairs(ids) do
    local record = load(id)
    local job = record and readable(id, record)
    if job and (job.stage == FAILED or job.stage == EXPIRED) then
        local past = past_of(job)
        exhume(job)
        if edits[2] then job.queue = number_of('queues', edits[2], true) end
        if edits[3] then job.level = edits[3] end
        if edits[1] then
            local body = cmsgpack.unpack(job.body)
            body[1] = edits[1]
            job.body = cmsgpack.pack(body)
        end
        past[FAILURES], past[CRASHES], past[STARTED], past[FINISHED], past[PLACE] = 0, 0, false, false, false
        past[REASON], past[NOTE], past[MEMORY] = false, false, false
        job.expires = nil
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
