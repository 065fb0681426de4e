-- A comparison that fails.
-- expect: sort_error.lua:6: no order
local P = {}
function P:schedule()
  table.sort({ 3, 2, 1 }, function()
    error("no order")
  end)
end
return P
