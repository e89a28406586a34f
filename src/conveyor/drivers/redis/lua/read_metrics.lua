-- read_metrics.lua: what was recorded of a span for some minutes.
-- in:  nothing; span; the first minute; the minute to stop before
-- out: for each minute its number, and its rows: name and values in turn
local answer = {}
for _, minute in ipairs(call('ZRANGEBYSCORE', B .. ':minutes:' .. ARGV[2], ARGV[3], '(' .. ARGV[4])) do
    answer[#answer + 1] = {minute, call('HGETALL', B .. ':metrics:' .. ARGV[2] .. ':' .. minute)}
end
return answer
