-- policies/bins: the bundled rules.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local simulator = require "simulator"

local function rule(name) return simulator.load("policies/bins/" .. name .. ".lua") end

-- A sample without chance: the quantiles (i - 1/2) / n.
local function sample(n, inverse)
  local values = {}
  for i = 1, n do values[i] = inverse((i - 0.5) / n) end
  return values
end
local uniform = sample(5000, function(u) return 1 + 19 * u end)
local exponential = sample(5000, function(u) return -10 * math.log(1 - u) end)

local function near(edges, want, tolerance, name)
  tap.equal(#edges, #want, name .. ": number of edges")
  for i = 1, #want do tap.near(edges[i], want[i], tolerance, name .. ": edge " .. i) end
end

-- Mean padded length of full batches of B: the definition, term by term.
local function padded(lengths, edges, batch)
  local sum, n, from = 0, #lengths, 1
  for i = 1, #edges + 1 do
    local to = from - 1
    while to < n and (i > #edges or lengths[to + 1] < edges[i]) do to = to + 1 end
    local count = to - from + 1
    for j = from, to do
      sum = sum + lengths[j] * count / n * (((j - from + 1) / count) ^ batch - ((j - from) / count) ^ batch)
    end
    from = to + 1
  end
  return sum
end

for _, name in ipairs{ "equal_mass", "equal_width", "optimal" } do
  near(rule(name)(uniform, 4, { batch_size = 128 }), { 5.75, 10.5, 15.25 }, 0.06, name .. ", uniform: equal spacing")
end
near(rule("geometric")({ 1, 5, 10000 }, 4), { 10, 100, 1000 }, 1e-9, "geometric")
near(rule("fixed")({}, 4, { edges = { 64, 256, 1024 } }), { 64, 256, 1024 }, 0, "fixed")
tap.ok(not pcall(rule("fixed"), {}, 3, { edges = { 64, 256, 1024 } }), "fixed: a wrong number of edges is an error")
near(rule("equal_mass")({ 1, 2, 3, 4, 5, 6, 7, 8 }, 4), { 3, 5, 7 }, 0, "equal_mass puts two of eight in each of four bins")
near(rule("optimal")({ 1, 1, 1, 9 }, 2, {}), { 9 }, 0, "optimal splits off the outlier")
near(rule("optimal")({ 7, 7, 7 }, 3, {}), { 7, 7 }, 0, "optimal: fewer lengths than bins")

-- Guldogan et al., Table A3: exponential, mean 10, B = 200. The edges there minimise a bound, ours the thing itself.
local A3 = {
  [2] = { 27.515463, 36.296873, { 17.7122 } },
  [3] = { 20.066047, 28.244295, { 10.1929, 27.9051 } },
  [4] = { 16.939169, 24.055903, { 7.02745, 17.2203, 34.9326 } },
  [5] = { 15.256191, 21.473673, { 5.32242, 12.3499, 22.5428, 40.255 } },
  [8] = { 13.004468, 17.469424 },
}
for _, k in ipairs{ 2, 3, 4, 5, 8 } do
  local row = A3[k]
  local edges = rule("optimal")(exponential, k, { batch_size = 200 })
  local mean = padded(exponential, edges, 200)
  tap.near(mean, row[1], 0.01 * row[1], "optimal, exponential, " .. k .. " bins: mean padded length of Table A3")
  tap.ok(mean < padded(exponential, rule("equal_mass")(exponential, k), 200), "and beats equal_mass")
  tap.near(padded(exponential, rule("equal_mass")(exponential, k), 200), row[2], 0.01 * row[2], "equal_mass as in Table A3")
  for i, edge in ipairs(row[3] or {}) do tap.near(edges[i], edge, 0.06 * edge, "edge " .. i .. " of " .. k) end
end

-- Against every choice of edges, where that is possible.
local few = { 1, 2, 2, 3, 5, 8, 8, 8, 13, 21, 34, 55 }
local best = math.huge
for i = 1, 9 do
  local values = { 1, 2, 3, 5, 8, 13, 21, 34, 55 }
  for j = i + 1, 9 do best = math.min(best, padded(few, { values[i], values[j] }, 8)) end
end
tap.near(padded(few, rule("optimal")(few, 3, {}), 8), best, 1e-12, "optimal is the best of all choices")

-- In thousands of instructions, which are the same on every machine; measured: 26,000.
local thousands = 0
debug.sethook(function() thousands = thousands + 1 end, "", 1000)
rule("optimal")(exponential, 32, { batch_size = 8 })
debug.sethook()
tap.ok(thousands < 100000, "optimal: 5,000 lengths and 32 bins are quick", thousands)

tap.done()
