-- A comparison that sorts, which compares, which sorts ...
-- expect: calls within calls
local P = {}
function P:schedule()
  local function by(a, b) table.sort({ b, a }, by) end
  table.sort({ 2, 1 }, by)
end
return P
