-- A hook that does nothing: what remains is the price of entering Lua.
local Empty = {}

function Empty:schedule()
end

return Empty
