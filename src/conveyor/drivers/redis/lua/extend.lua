-- extend.lua: move the end of leases.
-- in:  now; lease in microseconds; ids, joined; MessagePack of their attempts
-- out: for each 1 where the claim still holds its job, else 0
local now = moment()
local ids, attempts, answer = ids_in(ARGV[3]), cmsgpack.unpack(ARGV[4]), {}
local till = int(now + ARGV[2])
for place, id in ipairs(ids) do
    local running = call('HGET', B .. ':running', id)
    answer[place] = '0'
    if running then
        local attempt, _, order = read_running(running)
        if attempt == attempts[place] then
            call('ZADD', B .. ':leases', till, struct.pack('>I5', order) .. id)
            answer[place] = '1'
        end
    end
end
return table.concat(answer)
