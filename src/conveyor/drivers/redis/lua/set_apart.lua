-- set_apart.lua: make dead letters of running jobs whose body no client can read.
-- in:  now; ids, joined
-- out: nothing
local now = moment()
for _, id in ipairs(ids_in(ARGV[2])) do
    local record, running = load(id), call('HGET', B .. ':running', id)
    if record and running then end_damaged(id, record, running, now) end
end
finish(now)
