-- schedules.lua: every schedule that is kept.
-- in:  now
-- out: now, then name and record of each in turn
return {int(moment()), call('HGETALL', B .. ':schedules')}
