-- locks.lua: the locks held now.
-- in:  now
-- out: name, owner, fence and end of each
local now = moment()
local answer = {}
local known = call('HGETALL', B .. ':locks')
for place = 1, #known, 2 do
    local fence, ends, at = 0, 0, nil
    if #known[place + 1] >= 15 then fence, ends, at = struct.unpack('>I7I8', known[place + 1]) end
    if ends > now then answer[#answer + 1] = {known[place], sub(known[place + 1], at), fence, int(ends)} end
end
return answer
