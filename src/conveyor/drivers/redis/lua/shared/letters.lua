-- letters.lua: letters between the partitions of a store.

-- Letters, in a store of many partitions: what belongs to another partition is kept here until it is delivered there.
-- Each has a stamp of its own. Without `wanted`, all are posted.
local function post(letters, from, wanted)
    for place, owner in ipairs(letters) do
        local at = from + 2 * (place - 1)
        if not wanted or wanted[owner] then call('HSET', B .. ':outbox', ARGV[at], ARGV[at + 1]) end
    end
end

-- Letters that were delivered here are remembered until they are out of their outboxes, and some time longer, for whoever
-- delivers one just now; see discard.lua and acknowledge.lua. Last of all, for an error before that is to be made good.
local function was_delivered(stamp)
    return call('ZSCORE', B .. ':delivered', stamp)
end

local function note_delivery(stamp, now)
    call('ZADD', B .. ':delivered', int(now + 2592000000000), stamp)
end
