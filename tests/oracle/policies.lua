-- The bundled policies of continuous batching on cases worked by hand. All times in ms; a step takes 10 + T, T tokens computed.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;" .. package.path
local tap = require "tap"
local by_hand = require "by_hand"

local binary, folder = by_hand.binary, by_hand.folder
local write, run, trace, case = by_hand.write, by_hand.run, by_hand.trace, by_hand.case

local ONE = "kv_block = 2, kv_blocks = 1000, prefix_cache = false"
local function limited(n) return ONE .. ", max_requests = " .. n end

-- What a decode must find free. Two prompts of 24, answers of 8, in 4 blocks of 16; every step takes 10 ms. Both have 2 blocks
-- and need no other up to 32 tokens. Older engines ask for a free one all the same: at each of A's 7 decodes B is preempted;
-- vLLM 0.4 computes it again in a step of its own (A ends at 0.140 s, B at 0.150 s, after 15 steps), Sarathi-Serve beside A.
do
  local function decodes(policy, params)
    local _, row = run(policy, params, "kv_block = 16, kv_blocks = 4", trace{ { 0, 24, 8 }, { 0, 24, 8 } }, "", 0)
    return ("%s preemptions, %s steps, E2E %.4f s"):format(row.preemptions, row.batches, row.e2e_mean_s)
  end
  tap.equal(decodes("vllm_v0", ""), "7 preemptions, 15 steps, E2E 0.1450 s", "vllm_v0: a spare block for every decode")
  tap.equal(decodes("vllm_v0", 'decode_needs = "needed"'), "0 preemptions, 8 steps, E2E 0.0800 s", "vllm_v0: block manager v2")
  tap.equal(decodes("sarathi", ""), "7 preemptions, 8 steps, E2E 0.0800 s", "sarathi: a spare block for every decode")
  tap.equal(decodes("vllm_v1", ""), "0 preemptions, 8 steps, E2E 0.0800 s", "vllm_v1: only what it needs")
  -- Alone in a pool that its answer fills, the decode makes room for itself: 1 token per 2 rounds, of which one takes no time.
  local _, row = run("vllm_v0", "watermark = 0", "kv_block = 16, kv_blocks = 2", trace{ { 0, 24, 8 } }, "", 0)
  local told = ("%s %s %.4f"):format(row.preemptions, row.batches, row.e2e_mean_s)
  tap.equal(told, "7 8 0.0800", "vllm_v0: the last one in a full pool")
end

-- A runs when B's prompt comes: A's prompt 0 -> 12, its 2nd token -> 23.
local MIXED = { { 0, 2, 3 }, { 13, 5, 1 } }
-- Prefills first: B's prompt alone, 15 -> 38; then A's 3rd token, 11 -> 49.
case("a prompt holds up the decodes", "vllm_v0", "", ONE, MIXED, { { 0, 12, 49 }, { 23, 38, 38 } })
-- Together: 1 + 5 tokens, 16 -> 39.
case("decodes and prompts share a step", "vllm_v1", "", ONE, MIXED, { { 0, 12, 39 }, { 23, 39, 39 } })
case("the same", "fcfs", "", ONE, MIXED, { { 0, 12, 39 }, { 23, 39, 39 } })
-- At most 3 tokens of a prompt: A and 3 of B, 14 -> 37; the other 2, 12 -> 49.
case("long prompts come in parts", "vllm_v1", "long_prefill = 3", ONE, MIXED, { { 0, 12, 37 }, { 23, 49, 49 } })
-- A budget of 4: the same here.
case("the decode first, then a chunk of the prompt", "sarathi", "chunk = 4", ONE, MIXED, { { 0, 12, 37 }, { 23, 49, 49 } })

-- Three at once, prompt 2, answer 2; memory for two sequences of the greatest length: 4 tokens, 14; 2 more, 12 -> 26.
local THREE = { { 0, 2, 2 }, { 0, 2, 2 }, { 0, 2, 2 } }
case("memory for the longest possible sequence", "orca", "", "kv_block = 2, kv_blocks = 8, kv_max_length = 8", THREE,
     { { 0, 14, 26 }, { 0, 14, 26 }, { 26, 38, 49 } })
case("takes what is there", "fcfs", "", "kv_block = 2, kv_blocks = 8, kv_max_length = 8", THREE,
     { { 0, 16, 29 }, { 0, 16, 29 }, { 0, 16, 29 } })
case("no more than max_batch run", "pang", "max_batch = 2", ONE, THREE, { { 0, 14, 26 }, { 0, 14, 26 }, { 26, 38, 49 } })

-- One at a time. A: 12, then 4 x 11 -> 56. C is the shorter: 12 -> 68. B: 80, and 8 x 11 -> 168.
case("the shortest answer first", "sjf", "", limited(1), { { 0, 2, 5 }, { 1, 2, 9 }, { 1, 2, 1 } },
     { { 0, 12, 56 }, { 68, 80, 168 }, { 56, 68, 68 } })
-- The same A. At 56, B has waited 55 for 9 tokens, C 5 for 2: B, 68 and 8 x 11 -> 156. C: 168, 179.
case("the highest response ratio", "hrrn", "", limited(1), { { 0, 2, 5 }, { 1, 2, 9 }, { 51, 2, 2 } },
     { { 0, 12, 56 }, { 56, 68, 156 }, { 156, 168, 179 } })
-- A has 8 tokens left when B, with 2, comes: A makes room. B: 12 -> 24, 11 -> 35. A computes 3 again: 13 -> 48; 7 x 11 -> 125.
local LONG_SHORT = { { 0, 2, 9 }, { 1, 2, 2 } }
case("the shorter interrupts", "srpt", "", limited(1), LONG_SHORT, { { 0, 12, 125 }, { 12, 24, 35 } })
-- Too old from the start: A ends at 12 + 8 x 11 = 100.
case("an old request is left alone", "srpt", "age = 0", limited(1), LONG_SHORT, { { 0, 12, 100 }, { 100, 112, 123 } })

-- B is urgent, and takes A's place: 12 -> 24. A computes 3 again: 13 -> 37; 7 x 11 -> 114.
local URGENT = { { 0, 2, 9, 0 }, { 1, 2, 1, 5 } }
case("the urgent one interrupts", "priority", "", limited(1), URGENT, { { 0, 12, 114 }, { 12, 24, 24 } })
case("or waits", "priority", "preempt = false", limited(1), URGENT, { { 0, 12, 100 }, { 100, 112, 112 } })

-- mlfq: levels of 1, 2, 4 ... tokens. A's first token, 11, uses up the first; B: 11 -> 22. A: 33, as C comes, new: 44, and it
-- stays, since both are in the second level now: 55, 66. A, put aside without loss: 77, 88.
case("who has had most waits", "mlfq", "", limited(1) .. ", swap = { tokens = 100, seconds_per_token = 0 }",
     { { 0, 1, 4 }, { 1, 1, 1 }, { 30, 1, 3 } }, { { 0, 11, 88 }, { 11, 22, 22 }, { 33, 44, 66 } })
-- B's prompt of 5, 15, takes longer than the first level's 11: it joins the second, behind A, which came to it with a token.
case("a long prompt joins a lower level", "mlfq", "", limited(1), { { 0, 1, 2 }, { 1, 5, 1 } },
     { { 0, 11, 22 }, { 22, 37, 37 } })
-- ltr: as srpt above, by the whole prediction. B, with 2, before A with 9, which computes 3 tokens again: no host to swap to.
case("the shorter first", "ltr", "", limited(1), LONG_SHORT, { { 0, 12, 125 }, { 12, 24, 35 } })
-- C, 35 -> 47 -> 58, and D, 58 -> 70, come before A, which waits since 12; the look at 60 ms finds it too long. A computes 3
-- again: 83; 7 x 11 -> 160. Then D, which lost its 3 tokens: 13 -> 173.
case("until it was passed over for too long", "ltr", "starve = 0.04, period = 10", limited(1),
     { { 0, 2, 9 }, { 1, 2, 2 }, { 30, 2, 2 }, { 50, 2, 2 } },
     { { 0, 12, 160 }, { 12, 24, 35 }, { 35, 47, 58 }, { 58, 70, 173 } })

-- replica:foresee is what policies had to do in Lua, request by request.
do
  local load = "synthetic { arrivals = arrivals.gamma{ rate = 20, cv = 3 }, prompt = lengths.uniform(1, 40), "
    .. "output = lengths.uniform(1, 30), predictor = predict.refined{ sigma = 1, every = 2 }, limit = 200 }"
  local function ends(renew)
    write("foresee.lua", ([[
local P = {}
function P:init() self.queue = self.sim:queue{ by = "expected_remaining" } self.sim.inbox = self.queue end
function P:schedule(replica, step)
  if step:carry() > 0 then return end
  step:admit(self.queue)
  if #self.queue == 0 then return end
  %s
  step:displace(self.queue, "oldest", 0.8)
  step:quantum(2)
end
return P
]]):format(renew))
    local small = "kv_block = 2, kv_blocks = 130, max_requests = 20"
    local rows, list = run(folder .. "/foresee.lua", "", small, load, nil, nil, "foresee")
    for i = 0, 199 do list[#list + 1] = rows[i].end_s end
    return table.concat(list, " ")
  end
  local loop = "for req in replica:each_running() do req.user = (req.user or req.predicted_output) * (1 - %s) "
    .. "+ %s * req:predict() req:expect(req.user) end"
  local half = ends("replica:foresee(0.5)")
  tap.ok(half == ends(loop:format("0.5", "0.5")), "replica:foresee(0.5)")
  tap.ok(ends("replica:foresee(1)") == ends(loop:format("1", "1")), "replica:foresee(1)")
  tap.ok(half ~= ends("replica:foresee(0)"), "which makes a difference")
  local drawn = ends("replica:foresee{ 5, 10, 20, 40 }")
  tap.ok(drawn == ends("for req in replica:each_running() do req:expect{ 5, 10, 20, 40 } end"), "replica:foresee(list)")
  tap.ok(drawn == ends([[for req in replica:each_running() do
    local list, made, tokens = { 5, 10, 20, 40 }, req:generated(), nil
    for _ = 1, 8 do
      tokens = list[math.random(#list)]
      if tokens > made then break end
    end
    req:expect(math.max(tokens, made + 1))
  end]]), "which draws one that is longer, in at most eight tries")
end

-- sim:rank, req:qoe_gain, queue:starved and req:clock are what policies had to do in Lua, request by request.
do
  local load = "synthetic { arrivals = arrivals.gamma{ rate = 20, cv = 3 }, prompt = lengths.uniform(1, 40), "
    .. "output = lengths.uniform(1, 30), limit = 200 }"
  local function ends(look)
    write("worth.lua", ([[
local P = {}
local of = { horizon = 0.5, speed = 100, ttft = 0.05 }
local function gain(req, now)
  local first, done = req:first_token_at(), req:generated()
  local ahead = first and math.max(first + done / 100 - now, 0) or 0
  local expected = now + 0.5 - req.arrival - 0.05
  if ahead >= 0.5 or expected <= 0 then return 0 end
  return math.min((0.5 - ahead) / expected, 1) ^ 2
end
local function starves(req)
  req.user = req.user or { 0, 0 }
  local waited, served = req:waited() - req.user[1], req:attained() - req.user[2]
  return waited >= 0.1 and served > 0 and waited >= 2 * served
end
function P:init()
  self.queue = self.sim:queue{ by = "rank" }
  self.sim:every(0.0625, function() self:look(self.sim, self.queue) end)
end
function P:arrive(req)
  req:rank(req.predicted_output)
  self.queue:push(req)
end
function P:look(sim, queue) %s end
function P:finish(req) if req.user then req.user.gone = true end end
function P:schedule(_, step) step:rank{ from = self.queue, preempt = "recompute" } end
return P
]]):format(look))
    local rows, list = run(folder .. "/worth.lua", "", "kv_block = 2, kv_blocks = 130, max_requests = 20", load, nil, nil,
      "worth")
    for i = 0, 199 do list[#list + 1] = rows[i].end_s end
    return table.concat(list, " ")
  end
  local none = ends ""
  local gains = ends [[sim:rank(queue, "qoe_gain", of) sim:rank(sim.replicas[1], "qoe_gain", of)]]
  tap.ok(gains == ends [[
    local now = sim.now
    for req in queue:each() do req:rank(-gain(req, now) / (req.prompt_tokens + req:generated())) end
    queue:reorder()
    for req in sim.replicas[1]:each_running() do req:rank(-gain(req, now) / (req.prompt_tokens + req:generated())) end
  ]], "sim:rank by qoe_gain, of a queue and of a replica")
  local starved = ends [[
    local list = queue:starved(0.1, 2)
    for _, req in ipairs(list) do req:clock(0, 0) end
    sim:rank(list, "arrival") sim:after(0.3, function() sim:rank(list, "predicted_output") end)
  ]]
  tap.ok(starved == ends [[
    local list = {}
    for req in queue:each() do if starves(req) then list[#list + 1] = req end end
    for _, req in ipairs(list) do
      req.user[1], req.user[2] = req:waited(), req:attained()
      req:rank(req.arrival)
      queue:push(req)
    end
    sim:after(0.3, function()
      for _, req in ipairs(list) do
        if not req.user.gone then
          req:rank(req.predicted_output)
          if queue:remove(req) then queue:push(req) end
        end
      end
    end)
  ]], "queue:starved, and sim:rank of a list")
  tap.ok(gains ~= none and starved ~= none and gains ~= starved, "which makes a difference")

  -- A's tokens come at 12, 23, 34 and 45 ms; B waits since 1 ms for A's place. At 50 ms A's reader has text for 0.012 + 4 / 10
  -- - 0.05 = 0.362 s.
  write("gain.lua", [[
local P = {}
function P:arrive(req)
  self[req.id] = req
  self.sim.queue:push(req)
end
function P:init()
  self.sim:after(0.05, function()
    local a, b = self[0], self[1]
    local function is(got, expected, what)
      if math.abs(got - expected) > 1e-12 then error(what .. ": " .. got .. ", not " .. expected) end
    end
    is(a:qoe_gain{ horizon = 2, speed = 10, ttft = 0 }, (1.638 / 2.05) ^ 2, "reads on")
    is(b:qoe_gain{ horizon = 2, speed = 10, ttft = 0 }, (2 / 2.049) ^ 2, "waits")
    is(a:qoe_gain{ horizon = 2, speed = 10, ttft = 1 }, 1, "no more than all")
    is(a:qoe_gain{ horizon = 0.3, speed = 10, ttft = 0 }, 0, "has enough to read")
    is(b:qoe_gain{ horizon = 2, speed = 10, ttft = 5 }, 0, "need not be there")
    self.sim:rank({ a, b }, "qoe_gain", { horizon = 2, speed = 10 })
    is(a:rank(), -(1.638 / 2.05) ^ 2 / 6, "per token")
    is(b:rank(), -(2 / 2.049) ^ 2 / 4, "per token, waits")
    local served, waited = b:clock()
    is(served, 0, "served") is(waited, 0.049, "waited")
    b:clock(1, 2)
    served, waited = b:clock()
    is(served, 1, "set") is(waited, 2, "set")
    is(#self.sim.queue:starved(2, 2), 1, "just starved") is(#self.sim.queue:starved(2.01), 0, "not yet")
    is(#self.sim.queue:starved(0, 2.01), 0, "served too much")
  end)
end
function P:schedule(_, step) if step:carry() == 0 then step:admit(self.sim.queue) end end
return P
]])
  local rows = run(folder .. "/gain.lua", "", limited(1), trace{ { 0, 2, 9 }, { 1, 4, 2 } }, nil, nil, "gain")
  tap.ok(rows and rows[1] and rows[1].end_s, "gains by hand, per token of context, and clocks", rows)
end

-- queue:longest_cached finds what a walk in Lua does: SGLang's choice, which lets the others of a prefix that one is to compute
-- wait for it.
do
  write("longest.lua", [[
local P = { turned = 0 }
local START = 20
local function walk(queue, replica, look, met)
  local best, most, found, looked = nil, -2, 0, 0
  for req in queue:each() do
    local cached, prefix = replica:cached(req), req.prefix
    local first = prefix and cached <= START and prefix[math.min(#prefix, math.ceil((START + 1) / prefix.unit))]
    if first then met[first] = met[first] or req.id end
    local good = first and met[first] ~= req.id and -1 or cached
    if good > most then best, most, found = req, good, cached end
    looked = looked + 1
    if looked == look then break end
  end
  return best, found
end
function P:schedule(replica, step)
  local queue, met, again = self.sim.queue, {}, {}
  step:carry()
  while true do
    local look = ({ math.huge, 5, 1 })[1 + #queue % 3]
    local req, cached = queue:longest_cached(replica, look, START, met)
    local same, found = walk(queue, replica, look, again)
    if req ~= same or cached ~= (same and found) then error("it is not what the walk finds") end
    if req ~= queue:peek() then self.turned = self.turned + 1 end
    if not req or not step:add(req) then break end
  end
end
function P:finish(req) if req.id == 299 and self.turned < 50 then error("hardly ever another than the first") end end
return P
]])
  local rows = run(folder .. "/longest.lua", "", "kv_block = 8, kv_blocks = 60, max_requests = 6",
    [[synthetic { arrivals = arrivals.poisson { rate = 12 }, prefix = { tokens = 24, groups = 12 }, limit = 300,
      prompt = lengths.uniform(1, 40), output = lengths.uniform(1, 30) }]], nil, nil, "longest")
  tap.ok(rows[299].end_s, "queue:longest_cached: what a walk in Lua finds")
end

-- step:rank is the same by a key and by a function, and, where no two are equal, in an ordered queue and in a plain one.
do
  local load = "synthetic { arrivals = arrivals.gamma{ rate = 20, cv = 3 }, prompt = lengths.uniform(1, 40), "
    .. "output = lengths.uniform(1, 30), limit = 200 }"
  local small = "kv_block = 2, kv_blocks = 130, max_requests = 20"
  local function ends(queue, options)
    write("ranked.lua", ([[
local P = {}
function P:init() self.queue = %s self.sim.inbox = self.queue end
function P:schedule(_, step)
  step:rank{ from = self.queue, preempt = "recompute", %s }
  step:quantum(1)
end
return P
]]):format(queue, options))
    local rows, list = run(folder .. "/ranked.lua", "", small, load, nil, nil, "ranked")
    for i = 0, 199 do list[#list + 1] = rows[i].end_s end
    return table.concat(list, " ")
  end
  local plain = ends("self.sim:queue()", 'by = "expected_remaining"')
  local left = "function(req) return req.predicted_output - req:generated() end"
  tap.ok(ends("self.sim:queue()", "by = " .. left) == plain, "step:rank: a function")
  tap.ok(ends('self.sim:queue{ by = "expected_remaining" }', "") == ends("self.sim:queue{ by = " .. left .. " }", ""),
    "step:rank: the queue's order, and its function")
  local unequal = "function(req) return req.predicted_output - req:generated() + req.id / 1024 end"
  tap.ok(ends("self.sim:queue{ by = " .. unequal .. " }", "") == ends("self.sim:queue()", "by = " .. unequal),
    "step:rank: ordered or plain")
  tap.ok(ends("self.sim:queue()", 'by = "predicted_output", per_token = -1') == plain, "step:rank: per_token")
  local function equals(key) return ends("self.sim:queue()", "by = function() return " .. key .. " end") end
  local zeros = equals("0")
  tap.ok(equals("-math.huge") == zeros and equals("math.huge") == zeros, "step:rank: the last makes room, at infinity too")
  tap.ok(ends("self.sim:queue()", 'by = "expected_remaining" } step:rank{ from = self.queue, most = 0') == plain,
    "step:rank: again in the same step, however the first went")
  -- In Lua, as policies had to: all in one list, sorted; add, or set aside the last behind that runs and is not in the step.
  write("ranked.lua", [[
local P = {}
function P:schedule(replica, step)
  local all, queue = {}, self.sim.queue
  local function take(req, runs) all[#all + 1] = { req = req, left = req.predicted_output - req:generated(), runs = runs } end
  for req in replica:each_running() do take(req, true) end
  for req in queue:each() do take(req, false) end
  table.sort(all, function(a, b) return a.left < b.left end)
  local last = #all
  for i, one in ipairs(all) do
    local good, why = one.gone, nil
    if not good then good, why = step:add(one.req) end
    while not good and (why == "memory" or why == "requests") do
      while last > i and (not all[last].runs or all[last].gone) do last = last - 1 end
      if last <= i then break end
      all[last].gone = true
      step:preempt(all[last].req, "recompute", queue, "back")
      good, why = step:add(one.req)
    end
    if not good then break end
  end
  step:quantum(1)
end
return P
]])
  local rows, list = run(folder .. "/ranked.lua", "", small, load, nil, nil, "ranked")
  for i = 0, 199 do list[#list + 1] = rows[i].end_s end
  tap.ok(table.concat(list, " ") == plain, "step:rank: what a loop in Lua does")
end

-- What a request shows: a class's bounds, or where it has none the scenario's; what the policy said of it.
do
  write("shows.lua", [[
local P = {}
function P:arrive(req)
  local bound = req.class == "a" and 1 or 3
  assert(req.slo.ttft == bound and req.slo == req.slo and (req.class == "a" or req.slo.e2e == 9))
  req:expect(0)
  self.one = self.one or self.sim:queue{ by = "expected_output" }
  self.one:push(req)
  req:expect(17.5)
  req:rank(-2)
  self.sim.queue:push(req)
end
function P:schedule(_, step) if step:carry() == 0 then step:admit(self.sim.queue) end end
return P
]])
  local load = "synthetic { arrivals = arrivals.poisson{ rate = 9 }, limit = 40, "
    .. "classes = { { name = 'a', share = 1, prompt = 3, output = 2, slo = { ttft = 1 } }, "
    .. "{ name = 'b', share = 1, prompt = 3, output = 2 } } }"
  local rows = run(folder .. "/shows.lua", "", "kv_blocks = 100", load,
    "slo = { ttft = 3, e2e = 9 },", nil, "shows")
  tap.ok(rows[39], "req.class, req.slo")
end

-- mc_sf: unit steps, memory for 10 tokens, prompts of 1. Answers of 2, 2, 8: peak max(1 + 8, 2 + 4, 3 + 6) = 9, all start at
-- once. Of 4, 4, 4 two do (2 + 8 = 10); three would need 15. In memory for 12 the third starts when the others have 3: then
-- they end with 5 each while it holds 2, and it needs 5 after them; a step before, 1 + 2 x 3 + 3 x 2 = 13.
do
  local function ends(policy, outputs, memory)
    local requests, list = {}, {}
    for i, output in ipairs(outputs) do requests[i] = { 0, 1, output } end
    local rows, row = run(policy, "", ("kv_block = 1, kv_blocks = %d, prefix_cache = false"):format(memory or 10),
      trace(requests), "", 0)
    for i = 1, #outputs do list[i] = ("%g"):format(tonumber(rows[i - 1].end_s) * 100) end
    return table.concat(list, " ") .. ", " .. row.preemptions .. " preempted"
  end
  tap.equal(ends("mc_sf", { 2, 2, 8 }), "2 2 8, 0 preempted", "mc_sf: all at once")
  tap.equal(ends("mc_sf", { 4, 4, 4 }), "4 4 8, 0 preempted", "mc_sf: two, then the third")
  tap.equal(ends("mc_sf", { 4, 4, 4 }, 12), "4 4 7, 0 preempted", "mc_sf: the third behind two that run")
  tap.equal(ends("fcfs", { 4, 4, 4 }), "4 4 5, 1 preempted", "fcfs: three, of whom one is set aside")
end

-- past_future: before anything has ended, 2,048 tokens are expected: with a pool of 3,000 one at a time. Then answers of 20:
-- all others together.
do
  local rows = run("past_future", "", "kv_block = 10, kv_blocks = 300",
    trace{ { 0, 10, 20 }, { 0, 10, 20 }, { 0, 10, 20 }, { 0, 10, 20 } }, "", 0)
  local told = {}
  for i = 0, 3 do told[i + 1] = ("%g"):format(tonumber(rows[i].start_s) * 1000) end
  tap.equal(table.concat(told, " "), "0 200 200 200", "past_future: by the answers that have ended")
end

-- Sums of a replica, and what would happen. Three that emitted a token hold 5, 8 and 20 tokens and expect 10, 4 and 1 more:
-- 5 + 10 = 15, 13 + 2 x 4 = 21, 33 + 3 x 1 = 36; with one of 3 that expects 6: 15, 8 + 12 = 20, 16 + 12 = 28, 36 + 4 = 40.
do
  local function both(requests, cluster, latency, what)
    write("sums_scenario.lua", ([[return scenario { workload = %s, cluster = { %s }, latency = latency.step { %s },
      policies = { "%s/sums.lua" }, seeds = 1 }]]):format(trace(requests), cluster, latency, folder))
    for _, how in ipairs{ "", " --step" } do
      local status = os.execute(("%s %s/sums_scenario.lua --quiet%s >%s/said 2>&1"):format(binary, folder, how, folder))
      local said = io.open(folder .. "/said"):read("a"):match("warning:[^\n]*") or ""
      tap.ok((status == true or status == 0), what .. how, said)
    end
  end
  local function see(requests, check, cluster, latency)
    write("sums.lua", ([[
local P = {}
function P.expected(req) return ({ [4] = 11, [7] = 5, [19] = 2, [3] = 6 })[req.prompt_tokens] or 9 end
function P:arrive(req)
  req:expect(self.expected(req))
  self.sim.queue:push(req)
end
local function is(got, want, what)
  if got ~= want then error(what .. " is " .. tostring(got) .. ", not " .. tostring(want)) end
end
function P:finish() -- those that ended at the same instant still run
  local replica, rows, held, peak = self.sim.replicas[1], {}, 0, 0
  for req in replica:each_running() do
    table.insert(rows, { req.prompt_tokens + req:generated(), math.max(1, self.expected(req) - req:generated()) })
  end
  table.sort(rows, function(a, b) return a[2] > b[2] end)
  for i, row in ipairs(rows) do
    held = held + row[1]
    peak = math.max(peak, held + i * row[2])
  end
  is(replica:peak(), peak, "peak of the others")
end
function P:schedule(replica, step)
  self.seen = (self.seen or 0) + 1
  if self.seen == 1 then
    is(replica.decodes + replica.prefills + replica.context + replica.due + replica.prefill_left + replica:peak(), 0, "empty")
    is(step:estimate(), nil, "an empty step")
  end
  if self.seen == 2 then
    %s
  end
  if step:carry() == 0 then step:admit(self.sim.queue) end
  step:quantum(1)
end
return P
]]):format(check))
    both(requests, cluster, latency, "sums of a replica")
  end
  local plain = "kv_block = 16, kv_blocks = 100, prefix_cache = false"
  see({ { 0, 4, 20 }, { 0, 7, 20 }, { 0, 19, 20 }, { 5, 3, 20 } }, [[
    is(replica:peak(), 36, "peak") is(replica:peak{ with = self.sim.queue:peek() }, 40, "peak with one more")
    is(replica:peak{ with = { self.sim.queue:peek() } }, 40, "peak with a list")
    is(replica.decodes, 3, "decodes") is(replica.prefills, 0, "prefills")]], plain, "base = 0.010")
  -- Computed 15, 16 and 32: those at a multiple need a block.
  see({ { 0, 15, 20 }, { 0, 16, 20 }, { 0, 32, 20 } }, [[
    is(replica.due, 32, "due") is(replica.context, 16 + 17 + 33, "context")
    step:carry() is(replica.due, 16, "due after this step: the one at 15")]], plain, "base = 0.010")
  -- Four that read 100 each: 10 ms and 400 us; a prompt of 7 more: 7 us. (Four tokens are computed in any case: 4 us.)
  see({ { 0, 99, 5 }, { 0, 99, 5 }, { 0, 99, 5 }, { 0, 99, 5 } }, [[
    step:carry()
    is(("%.9f"):format(step:estimate()), "0.010400000", "estimate")
    is(("%.9f"):format(step:estimate{ prefill = 7 }), "0.010407000", "estimate with a prompt")]], plain,
    "base = 0.010 - 4e-6, per_context = 1e-6, per_token = 1e-6")
  -- A budget of 10: 6 of a prompt of 16 are left.
  see({ { 0, 16, 5 } }, [[is(replica.prefill_left, 6, "prefill_left") is(replica.prefills, 1, "prefills")]],
    plain .. ", token_budget = 10", "base = 0.010")
  -- Computed 15, 16 and 32 of 4 blocks: the last makes room for the second. Who is taken again, or turned away, is not aside.
  see({ { 0, 15, 20 }, { 0, 16, 20 }, { 0, 32, 20 } }, [[
    local all = {}
    for req in replica:each_running() do all[#all + 1] = req end
    is(#step:preempted(), 0, "aside at first")
    is(step:carry(), 1, "who makes room")
    is(#step:preempted(), 1, "aside") is(step:preempted()[1], all[3], "who is aside")
    step:preempt(all[2], "pause") step:preempt(all[1], "pause")
    is(#step:preempted(), 3, "all aside") is(step:preempted()[2], all[2], "one after the other")
    is(step:add(all[1]), true, "room again") is(#step:preempted(), 2, "without the one that runs again")
    self.sim:reject(all[2]) is(step:preempted()[2], nil, "without the one that was turned away")]],
    "kv_block = 16, kv_blocks = 4, prefix_cache = false", "base = 0.010")
  -- A static batch of two, neither prefills nor decodes: 4 + 20 + 7 + 20.
  write("sums.lua", [[
local P = {}
function P:schedule(replica, step)
  step:admit(self.sim.queue)
  step:barrier()
  self.sim:after(0.001, function() if replica:peak() ~= 51 then error("the peak is " .. replica:peak()) end end)
end
return P
]])
  both({ { 0, 4, 20 }, { 0, 7, 20 } }, plain, "base = 0.010", "peak of a static batch")
end

-- Two at a time; the bin of short answers first: 14, 12 -> 26. Then the long ones: 14 -> 40, 8 x 12 -> 136.
case("one bin at a time", "multi_bin_continuous", "edges = { 5 }", limited(2),
     { { 0, 2, 2 }, { 0, 2, 9 }, { 0, 2, 2 }, { 0, 2, 9 } }, { { 0, 14, 26 }, { 26, 40, 136 }, { 0, 14, 26 }, { 26, 40, 136 } })

-- Earliest deadline first: of requests that came together, those of the class with the tighter promise start first.
do
  local rows = run("edf", "", limited(1), [[synthetic { arrivals = arrivals.all_at_once{}, limit = 40, classes = {
    { name = "lax", share = 1, prompt = 3, output = 2, slo = { e2e = 50 } },
    { name = "tight", share = 1, prompt = 2, output = 2, slo = { e2e = 5 } } } }]])
  local last_tight, first_lax = 0, math.huge
  for _, row in pairs(rows) do
    local start = tonumber(row.start_s)
    if row.prompt_tokens == "2" then last_tight = math.max(last_tight, start) else first_lax = math.min(first_lax, start) end
  end
  tap.ok(last_tight < first_lax, "edf: the tight class before the lax one", ("%g %g"):format(last_tight, first_lax))
end

-- b_SLA: steps of 10 + b ms are to take 47.5 ms (0.95 of 50), so about 37 requests decode; requests come at more
-- than the rate that these allow (37 / (200 x 47.5 ms) = 3.9 per s), so that without the limit ever more would run.
do
  local load = "synthetic { arrivals = arrivals.poisson { rate = 8 }, prompt = 10, output = 200, limit = 400 }"
  local _, row = run("pang", "max_batch = 400", ONE:gsub("1000", "100000"), load, "slo = { tbt = 0.050 },")
  local batch, gap = tonumber(row.batch_mean), tonumber(row.itl_p50_s)
  tap.ok(batch > 28 and batch < 46 and gap < 0.060, "pang: holds the time between tokens", ("%g %g"):format(batch, gap))
end

-- Routers: requests per replica.
local function shares(policy, replicas, workload)
  local counts = {}
  for i = 1, replicas do counts[i] = 0 end
  for _, row in pairs(run(policy, "", "gpus = " .. replicas, workload)) do
    counts[tonumber(row.replica)] = counts[tonumber(row.replica)] + 1
  end
  table.sort(counts)
  return counts
end
local many = "synthetic { arrivals = arrivals.all_at_once{}, prompt = 10, output = 20, limit = 400 }"
for _, policy in ipairs{ "round_robin", "least_loaded" } do
  local counts = shares(policy, 4, many)
  tap.ok(counts[1] == 100 and counts[4] == 100, policy .. ": the same number to each", table.concat(counts, " "))
end
do
  local counts = shares("random", 4, many)
  tap.ok(counts[1] > 60 and counts[1] < 100 and counts[4] < 140, "random: about the same", table.concat(counts, " "))
  local two = shares("power_of_two", 4, many)
  tap.ok(two[4] - two[1] <= 6 and two[4] - two[1] < counts[4] - counts[1], "power_of_two: nearer", table.concat(two, " "))
end

-- sim:least is the walk over the replicas that it replaces.
local SUMS = { load = "replica.running + replica.waiting", running = "replica.running", waiting = "replica.waiting" }
for what, sum in pairs(SUMS) do
  local body = [[
local VllmV1 = require "vllm_v1"
local P = { params = VllmV1.params, init = VllmV1.init, serve = VllmV1.serve }
function P:arrive(req)
  %s
  best.queue:push(req)
end
function P:schedule(replica, step) self:serve(replica, step, replica.queue) end
return P
]]
  local walk = ([[
  local best, least = nil, math.huge
  for _, replica in ipairs(self.sim.replicas) do
    local count = %s
    if count < least then best, least = replica, count end
  end]]):format(sum)
  write("walk.lua", body:format(walk))
  write("call.lua", body:format(('local best = self.sim:least("%s")'):format(what)))
  local function places(name)
    local rows = run(folder .. "/" .. name .. ".lua", "", "gpus = 5, max_requests = 3",
      "synthetic { arrivals = arrivals.gamma{ rate = 30, cv = 3 }, prompt = lengths.uniform(1, 40), "
        .. "output = lengths.uniform(1, 30), limit = 300 }", nil, nil, name)
    local list = {}
    for i = 0, 299 do list[#list + 1] = rows[i].replica end
    return table.concat(list, " ")
  end
  local by_walk = places("walk")
  tap.equal(places("call"), by_walk, "sim:least: " .. what)
  tap.ok(by_walk:find "5", "sim:least: " .. what .. ": all replicas serve")
end

-- sim:least is right in whatever hook it is asked: where requests come and start, are preempted, filed again, and leave. The
-- policy ends with an error if it is not, and the run with it.
do
  write("asks.lua", [[
local P = {}
local whats = { "load", "running", "waiting" }
local function ask(self)
  self.asked = (self.asked or 0) + 1
  for i = 1, self.asked % 4 do -- not always all of them, nor in one order
    local what = whats[(i + self.asked) % 3 + 1]
    local best, least = nil, math.huge
    for _, replica in ipairs(self.sim.replicas) do
      local count = (what ~= "waiting" and replica.running or 0) + (what ~= "running" and replica.waiting or 0)
      if count < least then best, least = replica, count end
    end
    if self.sim:least(what) ~= best then error(what .. ": not the one that a walk finds") end
  end
end
function P:init()
  ask(self)
  for _, replica in ipairs(self.sim.replicas) do
    self.sim:queue{ of = replica, by = function(req) ask(self) return -req.predicted_output end }
  end
  self.sim:every(0.13, function() ask(self) end)
end
function P:arrive(req)
  ask(self)
  local all = self.sim.replicas
  local queue = req.id % 3 == 0 and self.sim.queue or all[1 + req.id % #all].queue
  queue:push(req)
  ask(self)
end
function P:schedule(replica, step)
  ask(self)
  step:carry()
  ask(self)
  step:admit(replica.queue, 2)
  ask(self)
  step:admit(self.sim.queue, 1)
  ask(self)
  step:quantum(3)
  if self.asked % 7 == 0 then
    local first = replica:each_running()()
    if first then step:preempt(first) end
    ask(self)
  end
end
function P:stepped() ask(self) end
function P:finish() ask(self) end
function P:done() self.sim:observe("asked", self.asked) end
return P
]])
  local load = "synthetic { arrivals = arrivals.gamma{ rate = 50, cv = 2 }, prompt = lengths.uniform(1, 40), "
    .. "output = lengths.uniform(1, 30), limit = 300 }"
  local rows, row = run(folder .. "/asks.lua", "", "gpus = 5, max_requests = 3, kv_block = 2, kv_blocks = 60", load,
    nil, nil, "asks")
  tap.ok(#rows == 299 and tonumber(row.preemptions) > 50, "sim:least in every hook", row.preemptions)
end

-- On one replica a router does nothing: each engine behind one serves as it does without.
do
  local load = "synthetic { arrivals = arrivals.gamma{ rate = 20, cv = 3 }, prompt = lengths.uniform(1, 40), "
    .. "output = lengths.uniform(1, 30), predictor = predict.lognormal(0.5), limit = 200, classes = { "
    .. "{ name = 'a', share = 1, priority = 1, slo = { e2e = 5 } }, { name = 'b', share = 1, slo = { e2e = 2 } } } }"
  local cluster = "kv_block = 2, kv_blocks = 130, kv_max_length = 80, max_requests = 20"
  local function ends(policy, params)
    local rows, list = run(policy, params, cluster, load, "slo = { tbt = 0.05 },"), {}
    for i = 0, 199 do list[#list + 1] = rows[i].end_s end
    return table.concat(list, " ")
  end
  for _, engine in ipairs{ "fcfs", "orca", "vllm_v0", "vllm_v1", "sarathi", "sjf", "srpt", "edf", "priority", "pang", "slai",
    "scorpio", "qoserve", "exegpt_rra" } do
    local router = engine == "srpt" and "least_loaded" or "round_robin"
    tap.equal(ends(router, ('engine = "%s"'):format(engine)), ends(engine, ""), router .. " before " .. engine)
  end
  tap.ok(ends("round_robin", 'engine = "sarathi", chunk = 20') ~= ends("sarathi", ""), "a router takes its engine's parameters")
  tap.equal(ends("random", ('engine = "%s/policies/srpt.lua"'):format(os.getenv("PWD"))), ends("srpt", ""),
    "an engine in a file of one's own")
end

by_hand.done()
