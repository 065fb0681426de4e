-- The same while the script loads.
-- expect: stack overflow
-- exit: 2
local function deeper(n) return 1 + deeper(n + 1) end
deeper(1)
