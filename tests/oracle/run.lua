-- Run a policy on the oracle simulator and print what became of each request, to be compared with mbsand's dump.
--
--   lua5.4 tests/oracle/run.lua POLICY.lua requests.csv [key=value ...]        (from the repository root)
--
-- requests.csv: columns by name - id, arrival, prompt, output, predicted, service (or arrival_s, prompt_tokens, ...)
-- keys: replicas alpha beta gamma least kv slo_tbt slo_e2e sample oracle=1 jobs=1 block_oversize=1 batches=1 (batches
-- instead of requests); params.NAME=value for the policy, lists as params.edges=64,256,1024

package.path = "tests/oracle/?.lua;" .. package.path
local simulator = require "simulator"
local csv = require "csv"

local function value_of(text)
  if text:find(",", 1, true) then
    local list = {}
    for cell in text:gmatch("[^,]+") do table.insert(list, tonumber(cell)) end
    return list
  end
  return tonumber(text) or text
end

local usage = "usage: lua tests/oracle/run.lua POLICY.lua requests.csv [key=value ...]"
local path, requests_path = assert(arg[1], usage), assert(arg[2], usage)
local set, params = { alpha = 0.010, beta = 0.0002, gamma = 0.3, replicas = 1 }, {}
local KNOWN = " replicas alpha beta gamma least kv slo_tbt slo_e2e sample oracle jobs block_oversize batches "
for i = 3, #arg do
  local key, text = arg[i]:match("^([%w_.]+)=(.*)$")
  assert(key, "not key=value: " .. arg[i])
  local name = key:match("^params%.(.+)$")
  if name then
    params[name] = value_of(text)
  else
    assert(KNOWN:find(" " .. key .. " ", 1, true), "unknown key " .. key)
    set[key] = value_of(text)
  end
end

local policy = simulator.load(path)
for name, value in pairs(params) do -- a list of one
  if type((policy.params or {})[name]) == "table" and type(value) == "number" then params[name] = { value } end
end
local result = simulator.run{
  policy = policy, params = params, requests = assert(csv.read(requests_path), "cannot open " .. requests_path),
  latency = set.jobs == 1 and simulator.jobs or simulator.law(set.alpha, set.beta, set.gamma, set.least),
  replicas = set.replicas, kv = set.kv, slo = { tbt = set.slo_tbt, e2e = set.slo_e2e }, sample = set.sample,
  oracle = set.oracle == 1, block_oversize = set.block_oversize == 1,
}

local function number(value) return value and string.format("%.17g", value) or "" end

if set.batches == 1 then
  print("batch,replica,start_s,end_s,requests,longest_tokens")
  for i, b in ipairs(result.batches) do
    print(table.concat({ i, b.replica, number(b.start), number(b.stop), b.requests, number(b.longest) }, ","))
  end
else
  print("id,arrival_s,prompt_tokens,output_tokens,predicted_output,replica,start_s,first_token_s,end_s")
  table.sort(result.requests, function(a, b) return a.id < b.id end)
  for _, r in ipairs(result.requests) do
    print(table.concat({ number(r.id), number(r.arrival), number(r.prompt), number(r.output), number(r.predicted),
                         r.replica or "", number(r.start), number(r.first), number(r.stop) }, ","))
  end
end
