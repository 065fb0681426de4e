-- Hooks of a coroutine are its own.
-- expect: 'coroutine' is not available to policies
local P = {}
function P:schedule() coroutine.wrap(function() while true do end end)() end
return P
