-- forget.lua: delete ended jobs.
-- in:  now; ids, joined
-- out: how many were deleted
local now = moment()
local done = 0
for _, id in ipairs(ids_in(ARGV[2])) do
    local record = load(id)
    local job = record and readable(id, record)
    if record and not job then
        call('ZREM', B .. ':dead-ids', id)
        delete({id = id})
        done = done + 1
    elseif job and job.past and job.past[PLACE] then
        exhume(job)
        delete(job)
        done = done + 1
    end
end
finish(now)
return done
