-- depart.lua: bring dead letters back in a queue of another partition: they leave in letters, for arrive.lua to read.
-- in:  nothing; ids, joined; as redrive.lua; what each letter begins with; then a stamp for each id
-- out: of each that left its stamp, and what the letter says behind its beginning
local ids, edits, answer = ids_in(ARGV[2]), cmsgpack.unpack(ARGV[3]), {}
for place, id in ipairs(ids) do
    local record = load(id)
    local job = record and readable(id, record)
    if job and (job.stage == FAILED or job.stage == EXPIRED) then
        exhume(job)
        revive(job, edits, place)
        local kind = call('HGET', B .. ':names', 'types:' .. job.type)
        local said = cmsgpack.pack({id, edits[2], kind, job.level, edits[4], job.pushed, job.unique or false, job.past,
                                    job.body, call('HGET', B .. ':progress', id)})
        call('HSET', B .. ':outbox', ARGV[4 + place], ARGV[4] .. said)
        delete(job)
        answer[#answer + 1] = ARGV[4 + place]
        answer[#answer + 1] = said
    end
end
finish(0)
return answer
