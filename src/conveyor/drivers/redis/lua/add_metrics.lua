-- add_metrics.lua: add up metrics of a minute, span, type and queue.
-- in:  nothing; MessagePack of rows: span, minute, name, numbers, and lists of buckets and their runs in turn
-- out: nothing
local function added(one, other)
    local runs, order, flat = {}, {}, {}
    for _, buckets in ipairs({one, other}) do
        for place = 1, #buckets, 2 do
            local bucket = buckets[place]
            if not runs[bucket] then order[#order + 1] = bucket end
            runs[bucket] = (runs[bucket] or 0) + buckets[place + 1]
        end
    end
    for _, bucket in ipairs(order) do
        flat[#flat + 1] = bucket
        flat[#flat + 1] = runs[bucket]
    end
    return flat
end

for _, row in ipairs(cmsgpack.unpack(ARGV[2])) do
    local span, minute, name, numbers, lists = unpack(row)
    local key = B .. ':metrics:' .. span .. ':' .. minute
    local known = call('HGET', key, name)
    if known then
        local is_sound, both = pcall(function()
            local old_numbers, old_lists = unpack(cmsgpack.unpack(known))
            local sums, all = {}, {}
            for place, number in ipairs(numbers) do sums[place] = number + old_numbers[place] end
            for place, list in ipairs(lists) do all[place] = added(old_lists[place], list) end
            return {sums, all}
        end)
        -- What a foreign hand has damaged is begun anew.
        if is_sound then numbers, lists = unpack(both) end
    end
    call('HSET', key, name, cmsgpack.pack({numbers, lists}))
    call('ZADD', B .. ':minutes:' .. span, minute, minute)
end
