-- settle.lua: end the runs of many claims, each only while that claim still holds its job; then push their follow-ups.
-- in:  now; the claims' ids, joined; MessagePack of outcomes, queues, types, rows of follow-ups, and of each letter the
--      outcome that it follows; then as push.lua
-- out: for each claim 1 where it held its job, else 0
local now = moment()
local ids = ids_in(ARGV[2])
local outcomes, queues, types, rows, letters = unpack(cmsgpack.unpack(ARGV[3]))
local answer, held, done, leases = {}, {}, {}, {}
local runs, records = call_many('HMGET', B .. ':running', ids), load_all(ids)
reserve(#ids)
local function complete(id, flags, record, outcome, attempt, started, worker)
    -- What most jobs come to takes the shortest way.
    local place = next_sequence()
    call('XADD', B .. ':finished', int(place) .. '-0', 'i', id .. struct.pack('>I8', now))
    local past = cmsgpack.pack(attempt, 0, 0, worker, outcome[5] or started, now, place, outcome[4] or false, false, false, {}, false)
    call('HSET', B .. ':job:' .. second_of(id), sub(id, 5), COMPLETED .. string.char(flags + HAS_PAST)
         .. sub(record, 3, HEAD_BYTES) .. '\156' .. past .. sub(record, HEAD_BYTES + 1))
end
local completed = {}
for place, id in ipairs(ids) do
    local outcome, running, record = outcomes[place], runs[place], records[place]
    answer[place] = '0'
    local job, attempt, started, order, cancel, worker, is_plain
    if running and record and not held[id] then
        attempt, started, order, cancel, worker = read_running(running)
        local asked, stage, flags, queue, _ = number_of('queues', queues[outcome[2]]), nil, nil, nil, nil
        if #record > HEAD_BYTES then stage, flags, queue, _, _, order = struct.unpack(HEAD, record) end
        -- An id that was deleted and pushed again may live on elsewhere.
        if attempt == outcome[1] and stage == READY and queue == asked and band(flags, 3) == outcome[3] then
            is_plain = flags < HAS_DUE and not outcome[6]
            if is_plain then
                complete(id, flags, record, outcome, attempt, started, worker)
                local stream = queue .. ':' .. flags
                completed[stream] = (completed[stream] or 0) + 1
            else
                job = readable(id, record)
            end
        end
        if attempt == outcome[1] and asked and not is_plain and not job and not readable(id, record) then
            -- Damaged while it ran: of what became of it nothing can be kept.
            done[#done + 1] = id
            leases[#leases + 1] = struct.pack('>I5', order) .. id
            count(asked, outcome[3], 'processing', -1)
            set_apart(id, record, asked, outcome[3], now)
        end
    end
    if is_plain or job then
        answer[place] = '1'
        held[id] = true
        done[#done + 1] = id
        leases[#leases + 1] = struct.pack('>I5', order) .. id
        if cancel == 1 then call('SREM', B .. ':cancels', id) end
    end
    if job then
        count(job.queue, job.level, 'processing', -1)
        active[job.queue] = true
        local past = past_of(job)
        past[ATTEMPT], past[WORKER] = attempt, worker
        past[RESULT], past[REASON], past[NOTE] = outcome[4] or false, false, false
        local stage, delay = COMPLETED, nil
        if outcome[6] then
            stage = outcome[6]
            past[FAILURES], past[CRASHES] = outcome[7], outcome[8]
            delay = outcome[9]
            if outcome[10] then add_error(job, outcome[10]) end
            past[REASON], past[NOTE] = outcome[11] or false, outcome[12] or false
        end
        if cancel == 1 and (stage == 'pending' or stage == 'retrying') then stage = CANCELLED end
        if stage == 'pending' or stage == 'retrying' then
            job.retrying = stage == 'retrying'
            past[STARTED] = false
            if delay then job.due = now + delay end
            if outcome[13] then
                enter(job, HELD)
            elseif delay and delay > 0 then
                enter(job, DELAYED)
            else
                enter(job, READY)
            end
            if job.retrying then count(job.queue, job.level, 'retried', 1) end
        else
            past[STARTED] = outcome[5] or started
            past[MEMORY] = outcome[14] or false
            conclude(job, stage, now)
            local counter = stage == COMPLETED and 'completed' or stage == CANCELLED and 'cancelled' or 'failed'
            count(job.queue, job.level, counter, 1)
        end
    end
end
for stream, number in pairs(completed) do
    local queue, level = string.match(stream, '(%d+):(%d)')
    queue = tonumber(queue)
    count(queue, level, 'processing', -number)
    count(queue, level, 'completed', number)
    active[queue] = true
end
call_many('HDEL', B .. ':running', done)
call_many('ZREM', B .. ':leases', leases)
if rows and #rows + #letters > 0 then
    local wanted = {}
    for place, word in ipairs(answer) do wanted[place] = word == '1' end
    if #rows > 0 then push(rows, queues, types, ARGV, 4, now, wanted) end
    post(letters, 4 + #rows, wanted)
end
finish(now)
return table.concat(answer)
