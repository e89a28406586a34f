-- look.lua: whether a claim from these queues would find something; if not, their next push will tell.
-- in:  now; the queues
-- out: 1; or 0, the microseconds until a delayed job is due or "", and the numbers of those that are not paused
local now, next_due
local armed, open = {}, {}
local function has_ready(queue)
    local keys = {}
    for level = 0, 3 do
        keys[#keys + 1] = B .. ':ready:' .. queue .. ':' .. level
        keys[#keys + 1] = B .. ':again:' .. queue .. ':' .. level
    end
    -- As a rule there is none of them, and who waits looks often. A stream may be there and be empty.
    if call('EXISTS', unpack(keys)) == 0 then return false end
    for place = 1, #keys, 2 do
        if call('XLEN', keys[place]) > 0 or call('EXISTS', keys[place + 1]) == 1 then return true end
    end
    return false
end
for place = 2, #ARGV do
    local queue = number_of('queues', ARGV[place])
    if not queue then
        armed[#armed + 1] = '?' .. ARGV[place]
    else
        armed[#armed + 1] = queue
        if call('SISMEMBER', B .. ':paused', queue) == 0 then
            open[#open + 1] = queue
            if has_ready(queue) then return {1} end
            local first = call('ZRANGE', B .. ':delayed:' .. queue, 0, 0, 'WITHSCORES')
            if first[2] then
                local due = tonumber(first[2])
                now = now or moment()
                if due <= now then return {1} end
                if not next_due or due < next_due then next_due = due end
            end
        end
    end
end
if #armed > 0 then call('SADD', B .. ':armed', unpack(armed)) end
return {0, next_due and int(next_due - now) or '', unpack(open)}
