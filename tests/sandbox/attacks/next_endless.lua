-- Add to the table that is walked through.
-- expect: schedule ran longer than 0.3 s
local P = {}
function P:schedule()
  local t = { a = 1 }
  for key in pairs(t) do t[key .. "x"] = 1 end
  local key = next(t)
  while true do key = next(t, key) if not key then t["b" .. math.random()] = nil end end
end
return P
