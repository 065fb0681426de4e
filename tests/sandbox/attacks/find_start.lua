-- Search from places that are none.
-- expect: found nil nil 1 nil 3 3
-- exit: 0
local P = {}
function P:init()
  local s = "abc"
  print("found", s:find("a", math.huge), s:find("a", 2 ^ 63), s:find("a", -math.huge), s:find("", 5), s:find("c", -1))
end
function P:schedule(replica, step) step:admit(self.sim.queue, 8) end
return P
