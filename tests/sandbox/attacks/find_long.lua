-- Plain search that takes quadratic time.
-- expect: takes too long
local P = {}
function P:schedule()
  local s = "aaaaaaaa"
  for _ = 1, 18 do s = s .. s end
  return s:find(s:sub(1, #s / 2) .. "b")
end
return P
