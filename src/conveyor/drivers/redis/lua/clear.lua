-- clear.lua: delete waiting jobs of a queue, one bounded step.
-- in:  now; queue
-- out: how many were deleted
local now = moment()
local queue = number_of('queues', ARGV[2])
if not queue then return 0 end
local done = 0

-- Answers whether its entry went with the job.
local function drop(id)
    local record = load(id)
    local job = record and readable(id, record)
    done = done + 1
    if job and waits(job) then
        leave(job)
        free_key(job)
        delete(job)
        return true
    end
    if record and not job then delete({id = id}) end
end

local function drop_all(key, counter)
    for _, member in ipairs(call('ZRANGE', key, 0, STEP - done - 1)) do
        if not drop(id_of(member)) then
            call('ZREM', key, member)
            count(queue, USUAL, counter, -1)
        end
    end
end

local _, sources = coming(queue, STEP, {0, 0, 0, 0})
for _, source in ipairs(sources) do
    for place = 1, source.taken do
        if source.entries then
            local entry = source.entries[place]
            if not drop(entry[2][2]) then call('XDEL', source.key, entry[1]) end
        else
            local member = source.members[2 * place - 1]
            if not drop(id_of(member)) then call('ZREM', source.key, member) end
        end
    end
end
if done < STEP then drop_all(B .. ':delayed:' .. queue, 'delayed') end
if done < STEP then
    for _, held in ipairs(call('SMEMBERS', B .. ':held')) do
        if string.match(held, '^(%d+):') == tostring(queue) and done < STEP then drop_all(B .. ':held:' .. held, 'held') end
    end
end
finish(now)
return done
