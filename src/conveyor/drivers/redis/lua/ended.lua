-- ended.lua: how many ended jobs are kept.
-- in:  nothing
-- out: completed and cancelled ones; dead letters
return {call('XLEN', B .. ':finished'), call('XLEN', B .. ':dead')}
