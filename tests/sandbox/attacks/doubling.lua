-- A string doubled until memory ends.
-- expect: the policy used more than 64 MiB of memory (limits.memory_mb) [in schedule
local P = {}
function P:schedule() local s = "xxxxxxxx" while true do s = s .. s end end
return P
