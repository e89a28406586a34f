-- change_schedule.lua: change a schedule that is kept.
-- in:  nothing; name; MessagePack of spec, paused, handled_at (nothing for no change)
-- out: 1, or 0 when there is none of that name
local known = call('HGET', B .. ':schedules', ARGV[2])
if not known then return 0 end
local given, is_sound, schedule = cmsgpack.unpack(ARGV[3]), pcall(cmsgpack.unpack, known)
-- What a foreign hand has damaged is what somebody says it shall be, or stays as it is.
if not is_sound or type(schedule) ~= 'table' or #schedule ~= 3 then
    if not given[1] then return 1 end
    schedule = {given[1], false, 0}
end
if given[1] ~= nil then schedule[1] = given[1] end
if given[2] ~= nil then schedule[2] = given[2] end
if given[3] and given[3] > schedule[3] then schedule[3] = given[3] end
call('HSET', B .. ':schedules', ARGV[2], cmsgpack.pack(schedule))
return 1
