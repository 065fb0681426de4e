-- mbsand.memory: Pang, Li, Wang, Algorithm 1.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"
local memory = require "mbsand.memory"

tap.near(memory.quantile(0.95), 1.6448536269514722, 1e-15, "theta for 0.05")
tap.near(memory.quantile(0.99), 2.3263478740408408, 1e-15, "theta for 0.01")
tap.near(memory.quantile(0.999), 3.090232306167813, 2e-15, "theta for 0.001")
tap.near(memory.quantile(1e-20), -9.262340089798408, 1e-14, "far tail")
tap.equal(memory.quantile(0.5), 0, "median")

-- prompt mean, std, output mean, std, capacity, overflow, exact b, its floor, b from the buffer as printed
local TABLE = {
  { 68.4, 68.4, 454.4, 454.4, 100000, 0.05, 172.3003, 172 },
  { 68.4, 68.4, 454.4, 454.4, 100000, 0.01, 165.0114, 165 },
  { 68.4, 68.4, 454.4, 454.4, 100000, 0.001, 157.2202, 157 },
  { 191, 191, 381.9, 381.9, 200000, 0.05, 326.9341, 326 },
  { 1154.7, 1108.79, 211.13, 162.87, 300000, 0.05, 200.5345, 200 },
  { 128, 0, 128, 0, 100000, 0.05, 390.625, 390 },
}
for i, row in ipairs(TABLE) do
  local mean, sigma = row[1] + row[3], math.sqrt(row[2] ^ 2 + row[4] ^ 2)
  local theta = memory.quantile(1 - row[6])
  local b = memory.exact(row[5], mean, sigma, theta)
  tap.near(b, row[7], 5e-5, "exact b, row " .. i)
  tap.equal(math.floor(b), row[8], "whole b, row " .. i)
  tap.near(memory.linear(row[5], memory.buffer(sigma, theta, b), mean), b, 1e-9, "the linear rule agrees, row " .. i)
end

-- Running moments: batches with sums from a known sequence of independent totals.
local seed = 1
local function uniform() -- Lehmer, the same under every Lua
  seed = (seed * 48271) % 2147483647
  return seed / 2147483647
end
local moments = memory.moments()
for _ = 1, 20000 do
  local b, prompt, output = 1 + math.floor(8 * uniform()), 0, 0
  for _ = 1, b do prompt, output = prompt + 100 + 60 * uniform(), output - 50 * math.log(uniform()) end
  moments:add(b, prompt, output)
end
tap.near(moments.prompt, 130, 0.5, "mean prompt")
tap.near(moments.output, 50, 0.7, "mean output")
tap.near(moments:deviation(), math.sqrt(60 ^ 2 / 12 + 50 ^ 2), 0.7, "deviation from batch sums alone")

local function limit(options)
  local new = memory.limit(options)
  for i = 1, 9 do new:observe(4, 400 + i % 2 * 40, 400) end
  return new
end
tap.equal(memory.limit{ capacity = 1000 }:batch_size(0), 128, "no observation: the largest batch")
tap.equal(limit{ capacity = math.huge }:batch_size(0), 128, "no limit from an unlimited pool")
tap.equal(limit{ rule = "off", capacity = 1000 }:batch_size(0), 128, "rule off")
tap.equal(limit{ rule = "margin", capacity = 20600, margin = 0.1 }:batch_size(0), 90, "margin: 0.9 x 20600 / 205.6")
tap.ok(limit{ rule = "exact", capacity = 2056 * 4 }:batch_size(0) < 40, "exact stays under eta / mu")
tap.equal(limit{ rule = "linear", capacity = 2056 * 4, period = 1 }:batch_size(0),
          limit{ rule = "exact", capacity = 2056 * 4 }:batch_size(0), "linear, renewed each time, equals exact")
tap.equal(limit{ rule = "margin", capacity = 2056 }:batch_size(30), 30, "never below what already decodes")
tap.equal(limit{ rule = "margin", capacity = 100 }:batch_size(0), 1, "at least min")
local before = limit{ rule = "margin", capacity = 20600 }
before:observe(4, 0, 9000)
tap.equal(before:batch_size(0), 90, "not renewed without both prefill and decode")

tap.done()
