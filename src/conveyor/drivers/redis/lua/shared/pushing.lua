-- pushing.lua: new jobs, and dead letters that are to be done again.

-- The id of the job that is in the way of a new one with its unique key, by the rule that the new one brings; and
-- whether that one waits and is to become what was pushed.
local function rival_of(row, queue, now)
    local unique, till, ttl, replaces = row[5], row[8], row[9], row[10]
    local function counts(job)
        if till == 'start' and (call('HEXISTS', B .. ':running', job.id) == 1 or past_of(job)[ATTEMPT] > 0) then return false end
        return not ttl or now < job.pushed + ttl
    end
    local holder = call('HGET', B .. ':unique:' .. queue, unique)
    if holder and not till and not ttl and not replaces then return holder end
    local record = holder and load(holder)
    local job = record and readable(holder, record)
    if job then
        if counts(job) then
            local is_open = replaces and not job.retrying and call('HEXISTS', B .. ':running', holder) == 0
            return holder, is_open and job
        end
    end
    if till == 'success' then
        local under = buried_under(unique)
        local last = call('ZREVRANGEBYLEX', B .. ':buried:' .. queue, '[' .. under .. '\255', '[' .. under, 'LIMIT', 0, 1)[1]
        record = last and load(sub(last, -16))
        job = record and readable(sub(last, -16), record)
        if job and counts(job) then return sub(last, -16) end
    end
    return nil, nil, holder
end

-- When a new job becomes due, and when it expires.
local function moments_of(row, now)
    local due, expires = now, row[4]
    if row[2] then
        due = row[2]
    elseif row[1] then
        due = now + row[1]
    end
    if not expires and row[3] then expires = now + row[3] end
    return due > now and due or now, expires
end

local function replace(job, row, level, kind, body, now)
    leave(job)
    job.type, job.level, job.body = kind, level, body
    job.due, job.expires = moments_of(row, now)
    local past = past_of(job)
    past[FAILURES], past[CRASHES], past[NOTE] = 0, 0, false
    enter(job, job.due > now and DELAYED or READY)
    active[job.queue] = true
end

-- Store new jobs by the rules of `push`; `rows` say about each what its body does not: see encoding.py. Answers whose
-- ids stand for them. Each of `arguments` from `from` on is an id and a body.
local function push(rows, queues, types, arguments, from, now, wanted)
    local answer = {}
    reserve(#rows)
    for place, row in ipairs(rows) do
        local argument, level, more = arguments[from + place - 1], row[3], row[4]
        local id, name, kind = sub(argument, 1, 16), queues[row[1]], types[row[2]]
        local queue = number_of('queues', name)
        answer[place] = id
        more = more or {}
        if (not wanted or wanted[more[7]]) and call('HEXISTS', B .. ':job:' .. second_of(id), sub(id, 5)) == 0 then
            local body, unique, slot = sub(argument, 17), more[5], more[6]
            local stands, open, holder
            if unique and queue then
                stands, open, holder = rival_of(more, queue, now)
                if open then replace(open, more, level, number_of('types', kind, true), body, now) end
            end
            if not stands and slot then stands = call('HGET', B .. ':slots', slot) end
            if stands then
                answer[place] = stands
            else
                queue = queue or number_of('queues', name, true)
                local due, expires = moments_of(more, now)
                local job = {id = id, level = level, queue = queue, type = number_of('types', kind, true), pushed = now,
                             sequence = next_sequence(), due = due, expires = expires, unique = unique, body = body}
                if more[11] then
                    local past = past_of(job)
                    past[ATTEMPT], past[FAILURES], past[CRASHES] = unpack(more[11])
                end
                local loser = holder and load(holder)
                loser = loser and readable(holder, loser)
                if loser then
                    loser.unique = nil
                    write(loser)
                end
                if unique then call('HSET', B .. ':unique:' .. queue, unique, id) end
                if slot then
                    call('HSET', B .. ':slots', slot, id)
                    call('ZADD', B .. ':slot-times', int(now), slot)
                end
                enter(job, due > now and DELAYED or READY, true)
                count(queue, level, 'pushed', 1)
                active[queue] = true
            end
        end
    end
    return answer
end

-- A dead letter that was exhumed is to be done again, with these edits: payload, queue (the caller's to change), level.
local function revive(job, edits, place)
    local past = past_of(job)
    if edits[3] then job.level = edits[3] end
    local payload = edits[5] and edits[5][place] or edits[1]
    if payload then
        local body = cmsgpack.unpack(job.body)
        body[1] = payload
        job.body = cmsgpack.pack(body)
    end
    past[FAILURES], past[CRASHES], past[STARTED], past[FINISHED], past[PLACE] = 0, 0, false, false, false
    past[REASON], past[NOTE], past[MEMORY] = false, false, false
    job.expires = nil
end

-- The running jobs that someone asked to cancel and that are held by those whom ARGV names from `from` on.
local function asked_of(from)
    local holders, answer = {}, {}
    for place = from, #ARGV do holders[ARGV[place]] = true end
    for _, id in ipairs(call('SMEMBERS', B .. ':cancels')) do
        local running = call('HGET', B .. ':running', id)
        local attempt, worker, _
        if running then attempt, _, _, _, worker = read_running(running) end
        if worker and holders[worker] then
            answer[#answer + 1] = id
            answer[#answer + 1] = attempt
        end
    end
    return answer
end
