-- counts.lua: the counters of queues.
-- in:  nothing; 1 for the queues that follow, 0 for all
-- out: for each its name, whether it is paused, since when its oldest ready job is so, its counters, and of each level
--      how many are ready
local answer = {}

local function first_of(queue)
    local oldest
    for level = 0, 3 do
        local entry = call('XRANGE', B .. ':ready:' .. queue .. ':' .. level, '-', '+', 'COUNT', 1)[1]
        local due = entry and tonumber(string.match(entry[1], '^(%d+)-'))
        if due and (not oldest or due < oldest) then oldest = due end
        due = tonumber(call('ZRANGE', B .. ':again:' .. queue .. ':' .. level, 0, 0, 'WITHSCORES')[2])
        if due and (not oldest or due < oldest) then oldest = due end
    end
    return oldest and int(oldest)
end

local function ready_in(queue)
    local by_level = {}
    for level = 0, 3 do
        by_level[level + 1] = call('XLEN', B .. ':ready:' .. queue .. ':' .. level)
                              + call('ZCARD', B .. ':again:' .. queue .. ':' .. level)
    end
    return by_level
end

local function add(name, queue)
    answer[#answer + 1] = {name, call('SISMEMBER', B .. ':paused', queue), first_of(queue) or '',
                           call('HGETALL', B .. ':counts:' .. queue), ready_in(queue)}
end

if ARGV[2] == '1' then
    for place = 3, #ARGV do
        local queue = number_of('queues', ARGV[place])
        if queue then add(ARGV[place], queue) else answer[#answer + 1] = {ARGV[place], 0, '', {}, {0, 0, 0, 0}} end
    end
else
    local numbers_by_name, names = names_of('queues')
    for _, name in ipairs(names) do add(name, numbers_by_name[name]) end
end
return answer
