-- bury.lua: store dead letters that the store has lost, but for those whose id it keeps.
-- in:  now; MessagePack of queues, types, and rows: queue, type, level, stage, pushed, due, expires, unique key, finished (false for
--      none), and what it has behind it; then of each its id and its body
-- out: for each 1 where it was stored, else 0
local now = moment()
local queues, types, rows = unpack(cmsgpack.unpack(ARGV[2]))
local answer = {}
reserve(2 * #rows)
for place, row in ipairs(rows) do
    local id = sub(ARGV[place + 2], 1, 16)
    answer[place] = '0'
    if not load(id) then
        local job = {id = id, queue = number_of('queues', queues[row[1]], true), type = number_of('types', types[row[2]], true),
                     level = row[3], pushed = row[5], due = row[6], expires = row[7] or nil, unique = row[8] or nil,
                     past = row[10], sequence = next_sequence(), body = sub(ARGV[place + 2], 17)}
        conclude(job, row[4], row[9])
        answer[place] = '1'
    end
end
finish(now)
return table.concat(answer)
