-- mbsand.chunk against trying each length, for laws of several shapes.
package.path = "tests/lua/?.lua;lua/?.lua;" .. package.path
local tap = require "tap"
local chunk = require "mbsand.chunk"

local LAWS = {
  line = function(n) return 10 + n end,
  flat = function() return 10 end,
  steep = function(n) return 10 + n * n / 50 end,
  bent = function(n) return n < 300 and 10 or n - 290 end,
  stairs = function(n) return 10 + 16 * math.ceil(n / 16) end,
}
for name, law in pairs(LAWS) do
  local asked, wrong = 0, {}
  local replica = { decodes = 3, context = 70 }
  function replica.estimate(_, shape)
    assert(shape.decodes == 3 and shape.context == 70)
    asked = asked + 1
    return law(shape.prefill)
  end
  for seconds = 0, 700, 7 do
    local best = 8
    for n = 8, 600 do
      if law(n) <= seconds then best = n end
    end
    local got = chunk.longest(replica, seconds, 8, 600)
    if got ~= best then wrong[#wrong + 1] = ("%g: %d, not %d"):format(seconds, got, best) end
  end
  tap.ok(#wrong == 0, name .. ": the longest that is short enough", wrong[1])
  if name == "line" then tap.ok(asked <= 4 * 101, "a straight line takes four questions at most", asked) end
end
tap.done()
