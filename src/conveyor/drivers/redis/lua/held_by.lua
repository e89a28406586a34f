-- held_by.lua: what these workers hold.
-- in:  nothing; then the workers
-- out: ids, joined, and MessagePack of claims, with names
local asked, ids, claims, kinds = {}, {}, {}, {queues = {}, types = {}}
for place = 2, #ARGV do asked[ARGV[place]] = true end
local running = call('HGETALL', B .. ':running')
for place = 1, #running, 2 do
    local attempt, _, _, _, worker = read_running(running[place + 1])
    local record = asked[worker] and load(running[place])
    local job = record and readable(running[place], record)
    if job then
        ids[#ids + 1] = job.id
        claims[#claims + 1] = claim_of(job, attempt)
        kinds.queues[job.queue], kinds.types[job.type] = true, true
    end
end
return claims_and_names(ids, claims, kinds)
