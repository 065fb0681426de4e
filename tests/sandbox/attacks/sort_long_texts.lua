-- One comparison of two long equal texts takes a millisecond; a sort makes millions of them inside C.
-- expect: schedule ran longer than 0.3 s of CPU time (limits.hook_seconds)
local P = {}
function P:schedule()
  local text, list = ("x"):rep(65536), {}
  for _ = 1, 7 do text = text .. text end
  for i = 1, 500000 do list[i] = text end
  table.sort(list)
end
return P
