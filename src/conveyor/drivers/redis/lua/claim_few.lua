-- claim_few.lua: as claim.lua, for what an idle worker mostly finds: a few new jobs, or nothing. It looks first, and leaves
-- all else to claim.lua. On a server that has slept, each function that Lua has to make, and each kind of command, costs
-- microseconds: this takes half of what claim.lua does.
-- in:  as claim.lua
-- out: as claim.lua; or nothing, and nothing was done, when there are many, several levels, or jobs that came back, are due
--      or over, have more than a body, or are damaged
local FEW = 8
local now = moment()
local limit, worker = tonumber(ARGV[2]), ARGV[4]
local found, seen, queue_numbers, queue_names = {}, {}, {}, {}
for place = 6, #ARGV do
    local name = ARGV[place]
    local queue = call('HGET', B .. ':queues', name)
    if queue and not seen[queue] and call('SISMEMBER', B .. ':paused', queue) == 0 then
        seen[queue] = true
        local again = B .. ':again:' .. queue .. ':'
        if call('EXISTS', again .. 0, again .. 1, again .. 2, again .. 3) > 0
           or call('ZCOUNT', B .. ':delayed:' .. queue, '-inf', int(now)) > 0
           or call('ZCOUNT', B .. ':expiring:' .. queue, '-inf', int(now)) > 0 then
            return false
        end
        local source
        for level = 0, 3 do
            local stream = B .. ':ready:' .. queue .. ':' .. level
            local length = call('XLEN', stream)
            if length > 0 then
                -- Which comes first is a matter of age too.
                if source then return false end
                source = {stream = stream, length = length, level = level, queue = queue}
            end
        end
        local wanted = source and math.min(limit, source.length) or 0
        if wanted > FEW then return false end
        if wanted > 0 then
            limit = limit - wanted
            source.entries = call('XRANGE', source.stream, '-', '+', 'COUNT', wanted)
            found[#found + 1] = source
            queue_numbers[#queue_numbers + 1] = tonumber(queue)
            queue_names[#queue_names + 1] = name
        end
    end
end
local ids, claims, running, leases = {}, {}, {}, {}
local types, type_numbers, type_names = {}, {}, {}
local till = int(now + tonumber(ARGV[3]))
for _, source in ipairs(found) do
    for _, entry in ipairs(source.entries) do
        local id = entry[2][2]
        local record = call('HGET', B .. ':job:' .. floor(struct.unpack('>I6', id) / 1024), sub(id, 5))
        if not record or #record <= HEAD_BYTES then return false end
        local stage, flags, queue, kind, pushed, order, at = struct.unpack(HEAD, record)
        if stage ~= READY or flags >= HAS_DUE or queue ~= tonumber(source.queue) then return false end
        if not types[kind] then
            types[kind] = true
            type_numbers[#type_numbers + 1] = kind
            type_names[#type_names + 1] = call('HGET', B .. ':names', 'types:' .. kind) or ''
        end
        ids[#ids + 1] = id
        -- See `claim_with` and `running_of`.
        claims[#claims + 1] = '\154\196\16' .. id .. cmsgpack.pack(1, 0, 0, pushed, pushed, flags, queue, kind) .. sub(record, at)
        running[#running + 1] = id
        running[#running + 1] = struct.pack('>I4I7I5B', 1, now, order, 0) .. worker
        leases[#leases + 1] = till
        leases[#leases + 1] = struct.pack('>I5', order) .. id
    end
end
if #ids > 0 then
    call('HSET', B .. ':running', unpack(running))
    call('ZADD', B .. ':leases', unpack(leases))
end
for _, source in ipairs(found) do
    local taken, counts = #source.entries, B .. ':counts:' .. source.queue
    if taken == source.length then
        call('DEL', source.stream)
    else
        for _, entry in ipairs(source.entries) do call('XDEL', source.stream, entry[1]) end
    end
    count_up(counts, source.level .. ':processing', taken)
    count_up(counts, source.level .. ':popped', taken)
    call('HSET', counts, 'at', int(now))
end
-- See `claims_and_names`.
return {table.concat(ids), '\149' .. cmsgpack.pack(queue_numbers, queue_names, type_numbers, type_names)
                           .. struct.pack('>BI4', 221, #claims) .. table.concat(claims)}
