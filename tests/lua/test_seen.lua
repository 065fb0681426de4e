-- What a policy sees of promises, and of a replica's sums, against values worked by hand. Each policy checks itself; each is
-- run jumping and stepping.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local program = require "program"

local folder = program.temporary_folder()

local HEAD = [[
local P = {}
local function is(what, got, want)
  if not (got == want or got and type(want) == "number" and math.abs(got - want) < 1e-12) then
    error(("%s is %s, not %s"):format(what, tostring(got), tostring(want)), 2)
  end
end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) end
]]

-- The policy's `done` prints how often it looked.
local function check(name, workload, more, policy, looks)
  program.write(folder .. "/p.lua", HEAD .. policy .. "\nfunction P:done() print(self.looked) end\nreturn P\n")
  program.write(folder .. "/s.lua", ([[
return scenario {
  workload = %s,
  cluster = { gpus = 1, kv_blocks = 100, kv_block = 16 }, policies = { "./p.lua" }, seeds = 1, oracle = true,
  %s
}]]):format(workload, more))
  for _, mode in ipairs{ "", "--step" } do
    local said = table.concat(program.lines(("cd %s && %s s.lua -q %s 2>&1"):format(folder, program.path, mode)), " ")
    tap.equal(said:match("^p: (%d+) ") or said:sub(1, 500), tostring(looks), name .. (mode == "" and "" or ", step by step"))
  end
end

local function at_once(prompts, output)
  local rows = { "t,p,o" }
  for _, prompt in ipairs(prompts) do rows[#rows + 1] = ("0,%d,%d"):format(prompt, output) end
  program.write(folder .. "/rows.csv", table.concat(rows, "\n") .. "\n")
  return 'trace.csv "rows.csv" { columns = { time = "t", prompt = "p", output = "o" } }'
end

-- The tokens of the prompts are computed, and each has its first: 15 + 1, 16 + 1, 32 + 1 are read next, and the two whose
-- blocks are full need one more.
check("decodes at 15, 16 and 32 in blocks of 16", at_once({ 15, 16, 32 }, 2), "latency = latency.step { base = 0.010 },", [[
function P:stepped(replica)
  if self.looked then return end
  self.looked = 1
  is("decodes", replica.decodes, 3)
  is("prefills", replica.prefills, 0)
  is("context", replica.context, 66)
  is("due", replica.due, 32)
  is("prefill_left", replica.prefill_left, 0)
end]], 1)

-- Of 50 tokens 20 at a time.
check("a prompt in chunks", at_once({ 50 }, 1), "latency = latency.step { base = 0.010 },", [[
function P:init() self.sim.replicas[1].token_budget, self.looked = 20, 0 end
function P:stepped(replica)
  self.looked = self.looked + 1
  is("prefills", replica.prefills, self.looked < 3 and 1 or 0)
  is("prefill_left", replica.prefill_left, ({ 30, 10, 0 })[self.looked])
  is("decodes", replica.decodes, 0)
end]], 3)

-- Four decodes read 100 tokens each: 10 ms and 400 us; with 7 tokens of a prompt the same, and 0.1 ms for each of 11 tokens.
check("a step that is filled", at_once({ 99, 99, 99, 99 }, 2),
  "latency = latency.step { base = 0.010, per_context = 1e-6, per_token = 1e-4 },", [[
function P:schedule(replica, step)
  is("nothing", step:estimate(), nil)
  step:carry()
  if step.requests == 4 then
    self.looked = 1
    is("context", replica.context, 400)
    is("as filled", step:estimate(), 0.0104 + 4e-4)
    is("with a prompt", step:estimate{ prefill = 7 }, 0.0104 + 11e-4)
  end
  step:admit(self.sim.queue)
end]], 1)

-- Held 10, 4, 2 and 5, 8, 20 to come: 2 + 20, 6 + 2 x 8, 16 + 3 x 5. With another of 3 and 6: 22, 22, 9 + 3 x 6, 19 + 4 x 5.
check("the largest that they ever hold", at_once({ 9, 3, 1, 3 }, 30), "latency = latency.step { base = 0.010 },", [[
local LEFT = { 5, 8, 20, 6 }
function P:init() self.sim.replicas[1].max_requests = 3 end
function P:stepped(replica)
  if self.looked then return end
  self.looked = 1
  for req in replica:each_running() do req:expect(1 + LEFT[req.id + 1]) end
  local new = self.sim.queue:peek()
  new:expect(LEFT[4])
  is("peak", replica:peak(), 31)
  is("with another", replica:peak{ with = new }, 39)
end]], 1)

-- A class's own promise, else the scenario's; one table for all of a class.
check("promises of classes", 'synthetic { arrivals = arrivals.all_at_once{}, prompt = 1, output = 1, limit = 40, '
  .. 'classes = { { name = "a", share = 1, slo = { ttft = 1 } }, { name = "b", share = 1 } } }',
  "latency = latency.step { base = 0.010 }, slo = { ttft = 3, e2e = 9 },", [[
function P:arrive(req)
  self.of, self.looked = self.of or {}, (self.looked or 0) + 1
  is(req.class, req.slo.ttft, req.class == "a" and 1 or 3)
  is(req.class, req.slo.e2e, req.class == "b" and 9 or nil)
  is("the same table", self.of[req.class] or req.slo, req.slo)
  self.of[req.class] = req.slo
  self.sim.queue:push(req)
end]], 40)

-- Without error what is predicted is true, at every token.
check("predictions without error", "synthetic { arrivals = arrivals.constant{ rate = 50 }, prompt = 1, limit = 20, "
  .. "output = lengths.uniform(1, 30), predictor = predict.refined{ sigma = 0, every = 3 } }",
  "latency = latency.step { base = 0.010 },", [[
function P:arrive(req)
  self.looked = (self.looked or 0) + 1
  is("at first", req:predict(), req.output_tokens)
  self.sim.queue:push(req)
end
function P:stepped(replica)
  for req in replica:each_running() do is("later", req:predict(), req.output_tokens) end
end]], 20)

-- What is bundled is found from anywhere, and composes.
check("a bundled policy", at_once({ 5, 5 }, 3), "latency = latency.step { base = 0.010 },", [[
for name, value in pairs(require "vllm_v1") do P[name] = value end
function P:finish() self.looked = (self.looked or 0) + 1 end]], 2)

os.execute("rm -r " .. folder)
tap.done()
