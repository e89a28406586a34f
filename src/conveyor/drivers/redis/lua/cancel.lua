-- cancel.lua: cancel waiting jobs, and mark running ones.
-- in:  now; ids, joined
-- out: for each c (cancelled), r (requested), l (too late) or u (unknown)
local now = moment()
local ids, answer = ids_in(ARGV[2]), {}
reserve(#ids)
for place, id in ipairs(ids) do
    local record = load(id)
    local running = record and call('HGET', B .. ':running', id)
    local job = record and readable(id, record)
    if not job then
        answer[place] = 'u'
    elseif running then
        local attempt, started, order, _, worker = read_running(running)
        call('HSET', B .. ':running', id, running_of(attempt, started, order, 1, worker))
        call('SADD', B .. ':cancels', id)
        answer[place] = 'r'
    else
        if waits(job) then
            leave(job)
            past_of(job)[NOTE] = false
            conclude(job, CANCELLED, now)
            count(job.queue, job.level, 'cancelled', 1)
            answer[place] = 'c'
        else
            answer[place] = 'l'
        end
    end
end
finish(now)
return table.concat(answer)
