-- beat.lua: record that a worker lives.
-- in:  now; name; record; then its children
-- out: the claims of its children that someone asked to cancel: id and attempt of each
local now = moment()
call('HSET', B .. ':workers', ARGV[2], struct.pack('>I8', now) .. ARGV[3])
call('ZADD', B .. ':beats', int(now), ARGV[2])
local children, answer = {}, {}
for place = 4, #ARGV do children[ARGV[place]] = true end
for _, id in ipairs(call('SMEMBERS', B .. ':cancels')) do
    local running = call('HGET', B .. ':running', id)
    local attempt, worker, _
    if running then attempt, _, _, _, worker = read_running(running) end
    if worker and children[worker] then
        answer[#answer + 1] = id
        answer[#answer + 1] = attempt
    end
end
return answer
