-- running.lua: what runs, claims, and jobs as people are shown them.

-- What runs: attempt, when it began, sequence, whether it is to be cancelled, whose it is.
local function running_of(attempt, started, place, cancel, worker)
    return struct.pack('>I4I7I5B', attempt, started, place, cancel) .. worker
end

local function read_running(running)
    if #running < 17 then return 0, 0, 0, 0, '' end
    local attempt, started, place, cancel, at = struct.unpack('>I4I7I5B', running)
    return attempt, started, place, cancel, sub(running, at)
end

-- A running job of which what is stored is damaged ends, and becomes a dead letter.
local function end_damaged(id, record, running, now)
    local attempt, _, order, _, worker = read_running(running)
    local job = readable(id, record)
    if job then
        local past = past_of(job)
        past[ATTEMPT], past[WORKER], order = attempt, worker, job.sequence
    end
    local queue = job and job.queue or number_of('queues', 'unknown', true)
    call('HDEL', B .. ':running', id)
    call('ZREM', B .. ':leases', struct.pack('>I5', order) .. id)
    call('SREM', B .. ':cancels', id)
    count(queue, job and job.level or USUAL, 'processing', -1)
    set_apart(id, record, queue, USUAL, now, job)
end

-- Everything about these jobs, for people: of each its id, record or nothing, what runs or nothing, the lease's end or
-- nothing; behind it what the numbers in the records stand for, key and name in turn.
local function shown(ids)
    local answer, known = {}, {}
    local function name(kind, number)
        known[kind .. ':' .. number] = known[kind .. ':' .. number] or call('HGET', B .. ':names', kind .. ':' .. number) or ''
    end
    for _, id in ipairs(ids) do
        local record = load(id)
        local running = record and call('HGET', B .. ':running', id)
        local lease = running and call('ZSCORE', B .. ':leases', sub(running, 12, 16) .. id)
        answer[#answer + 1] = id
        answer[#answer + 1] = record
        answer[#answer + 1] = running
        answer[#answer + 1] = lease
        if record and #record > HEAD_BYTES then
            local _, _, queue, type = struct.unpack(HEAD, record)
            name('queues', queue)
            name('types', type)
        end
    end
    local names = {}
    for key, text in pairs(known) do
        names[#names + 1] = key
        names[#names + 1] = text
    end
    return {answer, names}
end

-- The ids in a string that has nothing else.
local function ids_in(joined)
    local ids = {}
    for at = 1, #joined, 16 do ids[#ids + 1] = sub(joined, at, at + 15) end
    return ids
end

-- One claim as the client reads it: an array of ten, the last of them the body.
local function claim_with(id, attempt, failures, crashes, pushed, due, level, queue, kind, body)
    return '\154\196\16' .. id .. cmsgpack.pack(attempt, failures, crashes, pushed, due, level, queue, kind) .. body
end

local function claim_of(job, attempt)
    local past = job.past
    return claim_with(job.id, attempt, past and past[FAILURES] or 0, past and past[CRASHES] or 0, job.pushed, job.due,
                      job.level, job.queue, job.type, job.body)
end

-- The ids of claims, and the claims behind a table of the names that their numbers stand for: numbers, and names in the
-- same order.
local function claims_and_names(ids, claims, kinds)
    local answer = ''
    for _, kind in ipairs({'queues', 'types'}) do
        local keys, names = {}, {}
        for number in pairs(kinds[kind]) do
            keys[#keys + 1] = number
            names[#names + 1] = call('HGET', B .. ':names', kind .. ':' .. number) or ''
        end
        answer = answer .. cmsgpack.pack(keys, names)
    end
    return {table.concat(ids), '\149' .. answer .. struct.pack('>BI4', 221, #claims) .. table.concat(claims)}
end
