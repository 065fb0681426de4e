-- mbsand.sla and mbsand.ewma: Pang, Li, Wang, Algorithm 2.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local sla = require "mbsand.sla"
local ewma = require "mbsand.ewma"

local function after(tbt, batch, low, high)
  local control = sla.controller{ target = 50, tolerance = 2.5, width = 16, step = 4, window = 20, max = 128 }
  control.low, control.high = low, high
  control:observe(tbt, batch)
  return control:batch_size(0), control
end

tap.equal(sla.controller{ target = 50 }:batch_size(0), 64, "start: the middle of [1, 128]")
tap.equal((after(60, 40, 20, 100)), 28, "too slow: high = max(40, 36), low = 16")
tap.equal((after(60, 10, 20, 100)), 26, "too slow: high = max(10, 36), low = 16")
tap.equal((after(40, 90, 20, 100)), 94, "too fast: low = min(90, 84), high = 104")
tap.equal((after(40, 60, 20, 100)), 82, "too fast: low = min(60, 84), high = 104")
tap.equal((after(50, 60, 20, 100)), 60, "on target: 60 - 8 .. 60 + 8")
tap.equal((after(52.5, 125, 20, 100)), 122, "on target, the band's end: 117 .. 128")
local size, control = after(60, 40, 20, 100)
tap.equal(control:batch_size(0), size, "asked twice, moved once")
tap.equal(control:batch_size(99), 99, "never below what already decodes")
tap.equal(control:batch_size(999), 128, "never above max")
local floor9, floor2 = sla.controller{ target = 50 }, sla.controller{ target = 50, width = 2 }
for _ = 1, 99 do
  floor9:observe(99, floor9:batch_size(0))
  floor2:observe(99, floor2:batch_size(0))
end
tap.equal(floor9:batch_size(0), 9, "always too slow: min + alpha / 2, no lower")
tap.equal(floor2:batch_size(0), 2, "always too slow, with a smaller alpha")
local small = sla.controller{ target = 50, max = 8 }
for _ = 1, 50 do small:observe(1, 4) small:batch_size(0) end
tap.ok(small:batch_size(0) >= 4, "a small max stays usable", small:batch_size(0))

-- tau = 30 + 0.22 b ms under unlimited demand crosses 50 ms at b = 90.9.
local settle = sla.controller{ target = 50, max = 512 }
local sum, low, high = 0, math.huge, 0
for i = 1, 2000 do
  local b = settle:batch_size(0)
  settle:observe(30 + 0.22 * b, b)
  if i > 1000 then sum, low, high = sum + b, math.min(low, b), math.max(high, b) end
end
tap.near(sum / 1000, 90.9, 8, "settles within alpha / 2 of 90.9 (mean)")
tap.ok(low >= 82 and high <= 99, "settles within alpha / 2 of 90.9 (every decision)", low .. " .. " .. high)

local average = ewma.new(0.2)
tap.equal(average:add(10), 10, "ewma: the first sample is the value")
tap.near(average:add(20), 12, 1e-12, "ewma: then its weight counts")
tap.near(ewma.new(0.5, 4):add(8), 6, 1e-12, "ewma: from a guess")

tap.done()
