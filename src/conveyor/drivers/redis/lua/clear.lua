-- clear.lua: delete waiting jobs of a queue, one bounded step.
-- in:  now; queue
-- out: how many were deleted
local now = moment()
local queue = number_of('queues', ARGV[2])
if not queue then return 0 end
local done = 0

local function drop(ids)
    for _, id in ipairs(ids) do
        local record = load(id)
        if record then
            local job = read(id, record)
            leave(job)
            free_key(job)
            delete(job)
        end
        done = done + 1
    end
end

local function members(key)
    local ids = {}
    for place, member in ipairs(call('ZRANGE', key, 0, STEP - done - 1)) do ids[place] = id_of(member) end
    return ids
end

drop((coming(queue, STEP, {0, 0, 0, 0})))
if done < STEP then drop(members(B .. ':delayed:' .. queue)) end
if done < STEP then
    for _, held in ipairs(call('SMEMBERS', B .. ':held')) do
        if string.match(held, '^(%d+):') == tostring(queue) and done < STEP then drop(members(B .. ':held:' .. held)) end
    end
end
finish(now)
return done
