-- The same while the script loads.
-- expect: the policy used more than 64 MiB of memory (limits.memory_mb)
-- exit: 2
local s = "xxxxxxxx"
while true do s = s .. s end
