-- Cases of continuous batching worked by hand from docs/continuous-batching.md, for the second simulator (steps.lua) and for
-- the program. All times in ms here; every step takes 10 + T + 0.1 K ms: base 10, per_token 1, per_context 0.1.
--
--   name, policy (source), requests { arrival, prompt, output[, predicted] }, cluster (words of a scenario)
--   expect[i]: start, first token, end, preemptions of request i; {}: rejected
--   runs (where given): replica, start, end, steps: what `stepped` is told of, in order
--   parts (where given): where the time of the first request went; 0 where nothing is said

local FCFS = [[
local Fcfs = {}
function Fcfs:schedule(replica, step)
  if step:carry() == 0 then step:admit(self.sim.queue) end
end
return Fcfs
]]

local STATIC = [[
local Static = {}
function Static:schedule(replica, step)
  if replica.running == 0 then
    step:admit(self.sim.queue)
    step:barrier()
  end
end
return Static
]]

-- Request 1 is urgent: who runs is preempted, one way or another.
local function urgent(how)
  return ([[
local Urgent = {}
function Urgent:init() self.urgent = self.sim:queue{} end
function Urgent:arrive(req)
  if req.id == 1 then self.urgent:push(req) else self.sim.queue:push(req) end
end
function Urgent:schedule(replica, step)
  if #self.urgent > 0 then
    local next_one = replica:each_running()
    local current = next_one()
    if current then step:preempt(current, "%s") end
    step:admit(self.urgent)
  end
  step:carry()
  step:admit(self.sim.queue)
end
return Urgent
]]):format(how)
end

-- Two tokens of each prompt at first, the rest in the next step.
local TWO_FIRST = [[
local TwoFirst = {}
function TwoFirst:schedule(replica, step)
  if step:carry() > 0 then return end
  local req = self.sim.queue:peek()
  while req and step:add(req, 2) do req = self.sim.queue:peek() end
end
return TwoFirst
]]

local function pool(blocks, more)
  local cluster = { kv = "paged", kv_block = 2, kv_blocks = blocks }
  for key, value in pairs(more or {}) do cluster[key] = value end
  return cluster
end

return {
  { name = "one request", policy = FCFS, cluster = pool(50),
    -- prefill 10 + 3 = 13; then the 2nd token reads 3 + 1 = 4: 10 + 1 + 0.4 = 11.4; the 3rd 5: 11.5. 13, 24.4, 35.9
    requests = { { 0, 3, 3 } },
    expect = { { 0, 13, 35.9, 0 } },
    runs = { { 1, 0, 13, 1 }, { 1, 13, 35.9, 2 } } },

  { name = "two requests that overlap", policy = FCFS, cluster = pool(50),
    -- A alone: 13, 24.4. B came at 20 and joins at 24.4: A's 3rd token and B's prompt: T = 1 + 2, K = 5: 13.5 -> 37.9.
    -- B's 2nd token: K = 3: 11.3 -> 49.2
    requests = { { 0, 3, 3 }, { 20, 2, 2 } },
    expect = { { 0, 13, 37.9, 0 }, { 24.4, 37.9, 49.2, 0 } },
    runs = { { 1, 0, 13, 1 }, { 1, 13, 24.4, 1 }, { 1, 24.4, 37.9, 1 }, { 1, 37.9, 49.2, 1 } } },

  { name = "chunked prefill, a budget of 4", policy = FCFS, cluster = pool(50, { token_budget = 4 }),
    -- A's 10 tokens: 4 (14 -> 14), 4 (14 -> 28), then 2 and B's first 2: T = 4: 14 -> 42, A's first token.
    -- A's 2nd token (K = 11) and B's third token of prompt: T = 2: 10 + 2 + 1.1 = 13.1 -> 55.1, both are done
    requests = { { 0, 10, 2 }, { 0, 3, 1 } },
    expect = { { 0, 42, 55.1, 0 }, { 28, 55.1, 55.1, 0 } } },

  { name = "whole prompts, a budget of 4", cluster = pool(50, { token_budget = 4 }), policy = [[
local Whole = {}
function Whole:schedule(replica, step)
  replica.chunked = false
  step:carry()
  step:admit(self.sim.queue)
end
return Whole
]],
    -- A 3 (B's 2 do not fit beside it): 13. B 2 (C's 6 do not): 12 -> 25. C, larger than the budget, alone: 16 -> 41;
    -- its 2nd token: K = 7: 11.7 -> 52.7
    requests = { { 0, 3, 1 }, { 0, 2, 1 }, { 0, 6, 2 } },
    expect = { { 0, 13, 13, 0 }, { 13, 25, 25, 0 }, { 25, 41, 52.7, 0 } } },

  { name = "preempted by recompute; a block is found again", policy = FCFS, cluster = pool(4),
    -- Both prompts: T = 6: 16; two blocks each, none is free. 2nd tokens: K = 4 + 4: 12.8 -> 28.8 (4 tokens each: full).
    -- The next token needs a third block each: B is preempted, gives back its 2nd and then its 1st; A takes the 2nd.
    -- A's 3rd token: K = 5: 11.5 -> 40.3, its 4th: K = 6: 11.6 -> 51.9. (That B waits is no news here: one run.)
    -- B knows 5 tokens and finds the first 2: computes 3 as a prefill: 13 -> 64.9, its 3rd token; its 4th: K = 6: 11.6
    -- -> 76.5
    requests = { { 0, 3, 4 }, { 0, 3, 4 } },
    expect = { { 0, 16, 51.9, 0 }, { 0, 16, 76.5, 1 } },
    runs = { { 1, 0, 16, 1 }, { 1, 16, 28.8, 1 }, { 1, 28.8, 51.9, 2 }, { 1, 51.9, 64.9, 1 }, { 1, 64.9, 76.5, 1 } } },

  { name = "preempted by recompute, nothing is kept", policy = FCFS, cluster = pool(4, { prefix_cache = false }),
    -- as before, but B computes all 5: 15 -> 66.9; then 11.6 -> 78.5
    requests = { { 0, 3, 4 }, { 0, 3, 4 } },
    expect = { { 0, 16, 51.9, 0 }, { 0, 16, 78.5, 1 } } },

  { name = "found again but for the last token: a decode", cluster = pool(50), policy = [[
local Once = {}
function Once:schedule(replica, step)
  local next_one = replica:each_running()
  local current = next_one()
  if current and not self.done then
    step:preempt(current, "recompute")
    self.done = true
  end
  step:carry()
  step:admit(self.sim.queue)
end
return Once
]],
    -- 4 tokens: 14. Preempted at 14, known 5, and both blocks found: todo = 1 after a first token, so a decode, K = 5:
    -- 11.5 -> 25.5; K = 6: 11.6 -> 37.1, in one run
    requests = { { 0, 4, 3 } },
    expect = { { 0, 14, 37.1, 1 } },
    runs = { { 1, 0, 14, 1 }, { 1, 14, 37.1, 2 } } },

  { name = "the watermark keeps a request out", policy = FCFS, cluster = pool(10, { watermark = 0.2 }),
    -- Two blocks stay free at admission. A takes 6 of 10; B's 3 + 2 are more than 4. A: 22; K = 13: 12.3 -> 34.3.
    -- B: 16 -> 50.3
    requests = { { 0, 12, 2 }, { 0, 6, 1 } },
    expect = { { 0, 22, 34.3, 0 }, { 34.3, 50.3, 50.3, 0 } } },

  { name = "growth uses the watermark", policy = FCFS, cluster = pool(10, { watermark = 0.2 }),
    -- A takes 3 blocks, B 4: 2 of the other 3 must stay free. T = 14: 24. Both grow: K = 7 + 9, T = 2: 13.6 -> 37.6, 1 is free,
    -- B is done. A: K = 8, 9, 10: 11.8, 11.9, 12 -> 73.3
    requests = { { 0, 6, 5 }, { 0, 8, 2 } },
    expect = { { 0, 24, 73.3, 0 }, { 0, 24, 37.6, 0 } },
    runs = { { 1, 0, 24, 1 }, { 1, 24, 37.6, 1 }, { 1, 37.6, 73.3, 3 } } },

  { name = "what the watermark would keep out for ever is rejected", policy = FCFS, cluster = pool(10, { watermark = 0.2 }),
    -- 18 tokens need 9 blocks, and 8 can be had
    requests = { { 0, 14, 4 }, { 0, 3, 1 } },
    expect = { {}, { 0, 13, 13, 0 } } },

  { name = "reserve: chunk", policy = FCFS, cluster = pool(6, { token_budget = 4, reserve = "chunk" }),
    -- A's 4: 14. A's 2nd token and 3 of B: T = 4, K = 5: 14.5 -> 28.5 (3 + 2 blocks). A's 3rd, 3 of B: K = 6: 14.6 -> 43.1
    -- (3 + 3 blocks). A's 4th needs a block, B's last 2 another: B is preempted and gives back its 3rd, 2nd, 1st. A takes
    -- the 3rd: K = 7: 11.7 -> 54.8, K = 8: 11.8 -> 66.6. B finds 2 blocks, computes the other 4: 14 -> 80.6
    requests = { { 0, 4, 5 }, { 0, 8, 1 } },
    expect = { { 0, 14, 66.6, 0 }, { 14, 80.6, 80.6, 1 } } },

  { name = "reserve: sequence", policy = FCFS, cluster = pool(6, { token_budget = 4, reserve = "sequence" }),
    -- At 14 A takes its third block; B's 8 tokens would need 4 of 3. A alone: K = 5 .. 8: 11.5 + 11.6 + 11.7 + 11.8 = 46.6 ->
    -- 60.6. B: 4 and 4 tokens: 14 -> 74.6, 14 -> 88.6
    requests = { { 0, 4, 5 }, { 0, 8, 1 } },
    expect = { { 0, 14, 60.6, 0 }, { 60.6, 88.6, 88.6, 0 } } },

  { name = "reserve: sequence does not hold what it asks for", policy = TWO_FIRST, cluster = pool(6, { reserve = "sequence" }),
    -- A asks for 4 of 6 blocks and takes 1, B for 5 of 5 and takes 1. T = 4: 14. The rest needs 3 + 4 of 4: B is preempted,
    -- its block goes to the end of the free list. A's 6: 16 -> 30. B finds its block; 2 more: 12 -> 42; 6: 16 -> 58
    requests = { { 0, 8, 1 }, { 0, 10, 1 } },
    expect = { { 0, 30, 30, 0 }, { 0, 58, 58, 1 } } },

  { name = "reserve: prompt", policy = TWO_FIRST, cluster = pool(6, { reserve = "prompt" }),
    -- A takes 4 blocks, B's 5 are not there. A: 12, then 6: 16 -> 28. B: 12 -> 40, then 8: 18 -> 58
    requests = { { 0, 8, 1 }, { 0, 10, 1 } },
    expect = { { 0, 28, 28, 0 }, { 28, 58, 58, 0 } } },

  { name = "reserve: predicted, and more", policy = FCFS, cluster = pool(7, { reserve = "predicted" }),
    -- A takes (4 + 4) / 2 = 4 blocks, B's (6 + 2) / 2 = 4 are not there (nor when A grows to 5). A: 14; K = 5 .. 9: 58.5 ->
    -- 72.5. B: 16 -> 88.5; K = 7: 11.7 -> 100.2
    requests = { { 0, 4, 6, 4 }, { 0, 6, 2, 2 } },
    expect = { { 0, 14, 72.5, 0 }, { 72.5, 88.5, 100.2, 0 } } },

  { name = "reserve: maximum", policy = FCFS, cluster = pool(8, { reserve = "maximum", kv_max_length = 8 }),
    -- 4 blocks each, so two at a time: T = 4: 14; K = 3 + 3: 12.6 -> 26.6. C: 12 -> 38.6; K = 3: 11.3 -> 49.9
    requests = { { 0, 2, 2 }, { 0, 2, 2 }, { 0, 2, 2 } },
    expect = { { 0, 14, 26.6, 0 }, { 0, 14, 26.6, 0 }, { 26.6, 38.6, 49.9, 0 } } },

  { name = "time slices: pause and quantum", cluster = pool(50), policy = [[
local Slices = {}
function Slices:schedule(replica, step)
  local next_one = replica:each_running()
  local current = next_one()
  if current then step:preempt(current, "pause", self.sim.queue, "back") end
  step:admit(self.sim.queue, 1)
  step:quantum(2)
end
return Slices
]],
    -- A's prompt: 12. B's: 12 -> 24. A two tokens: K = 3, 4: 11.3 + 11.4 -> 46.7. B two: -> 69.4. A's 4th: K = 5: 11.5 ->
    -- 80.9. B's: 92.4
    requests = { { 0, 2, 4 }, { 0, 2, 4 } },
    expect = { { 0, 12, 80.9, 2 }, { 12, 24, 92.4, 2 } },
    runs = { { 1, 0, 12, 1 }, { 1, 12, 24, 1 }, { 1, 24, 46.7, 2 }, { 1, 46.7, 69.4, 2 }, { 1, 69.4, 80.9, 1 },
             { 1, 80.9, 92.4, 1 } } },

  { name = "a pause keeps the memory", policy = urgent("pause"), cluster = pool(4),
    -- A's 5 tokens: 15, 3 blocks. B (at 5) needs 2 of 1: A, paused for a moment, goes on: K = 6: 11.6 -> 26.6, K = 7: 11.7 ->
    -- 38.3. B: 13 -> 51.3
    requests = { { 0, 5, 3 }, { 5, 3, 1 } },
    expect = { { 0, 15, 38.3, 1 }, { 38.3, 51.3, 51.3, 0 } } },

  { name = "recompute for an urgent one", policy = urgent("recompute"), cluster = pool(4),
    -- At 15 A gives back its 3rd, 2nd, 1st block behind the free one; B takes the first two of the list: 13 -> 28. A knows
    -- 6, finds 4, computes 2: 12 -> 40, its 2nd token. K = 7: 11.7 -> 51.7
    requests = { { 0, 5, 3 }, { 5, 3, 1 } },
    expect = { { 0, 15, 51.7, 1 }, { 15, 28, 28, 0 } } },

  { name = "swap for an urgent one", policy = urgent("swap"),
    cluster = pool(4, { swap = { tokens = 100, seconds_per_token = 0.0005 } }),
    -- A's 5 tokens go out in 2.5 while B computes 3: 13 + 2.5 = 15.5 -> 30.5. They come back in 2.5: K = 6: 11.6 + 2.5 = 14.1
    -- -> 44.6, its 2nd token. K = 7: 11.7 -> 56.3
    requests = { { 0, 5, 3 }, { 5, 3, 1 } },
    expect = { { 0, 15, 56.3, 1 }, { 15, 30.5, 30.5, 0 } } },

  { name = "barrier", policy = STATIC, cluster = pool(50),
    -- B = 2, P = 5, A = 4, n = 4: 4 x 10 + 2 (5 + 4 - 1) + 0.1 x 2 (6 + 7 + 8) = 40 + 16 + 4.2 = 60.2; the first tokens after
    -- 10 + 10 = 20. The third: n = 1: 10 + 1 -> 71.2
    requests = { { 0, 3, 2 }, { 0, 5, 4 }, { 5, 1, 1 } },
    expect = { { 0, 20, 60.2, 0 }, { 0, 20, 60.2, 0 }, { 60.2, 71.2, 71.2, 0 } } },

  { name = "barrier, a budget of 4", policy = STATIC, cluster = pool(50, { token_budget = 4 }),
    -- c = ceil(2 x 5 / 4) = 3 chunks, n = 6: 80.2; the first tokens after 30 + 10 = 40
    requests = { { 0, 3, 2 }, { 0, 5, 4 }, { 5, 1, 1 } },
    expect = { { 0, 40, 80.2, 0 }, { 0, 40, 80.2, 0 }, { 80.2, 91.2, 91.2, 0 } } },

  { name = "barrier, rows that do not fit", policy = STATIC, cluster = pool(5),
    -- A's 5 tokens need 3 blocks, B's 9 need 5: B goes back. A: n = 2: 20 + (3 + 2 - 1) + 0.4 = 24.4, first 13. Then B, and
    -- C does not fit beside it: 40 + 8 + 2.1 = 50.1 -> 74.5, first 24.4 + 15. C: 11 -> 85.5
    requests = { { 0, 3, 2 }, { 0, 5, 4 }, { 5, 1, 1 } },
    expect = { { 0, 13, 24.4, 0 }, { 24.4, 39.4, 74.5, 0 }, { 74.5, 85.5, 85.5, 0 } } },

  { name = "a queue for each replica", cluster = pool(50, { gpus = 2 }), policy = [[
local Router = {}
function Router:arrive(req) self.sim.replicas[req.id == 1 and 2 or 1].queue:push(req) end
function Router:schedule(replica, step)
  if step:carry() == 0 then step:admit(replica.queue) end
end
return Router
]],
    -- 1: A: 13; A's 2nd token (K = 4) and C's prompt: T = 3: 13.4 -> 26.4. D at 100: 11.
    -- 2: B: 12, then K = 3, 4, 5: 11.3, 11.4, 11.5 -> 46.2, in one run: C is none of its business
    requests = { { 0, 3, 2 }, { 0, 2, 4 }, { 5, 2, 1 }, { 100, 1, 1 } },
    expect = { { 0, 13, 26.4, 0 }, { 0, 12, 46.2, 0 }, { 13, 26.4, 26.4, 0 }, { 100, 111, 111, 0 } },
    runs = { { 2, 0, 12, 1 }, { 1, 0, 13, 1 }, { 1, 13, 26.4, 1 }, { 2, 12, 46.2, 3 }, { 1, 100, 111, 1 } } },

  { name = "an arrival cuts a run short", policy = FCFS, cluster = pool(50, { max_requests = 1 }),
    -- A: 12; K = 3: 23.3, K = 4: 34.7. B came at 30, so `schedule` is called at 34.7; it may not run. K = 5, 6, 7: 46.2, 57.8,
    -- 69.5. B: 11 -> 80.5
    requests = { { 0, 2, 6 }, { 30, 1, 1 } },
    expect = { { 0, 12, 69.5, 0 }, { 69.5, 80.5, 80.5, 0 } },
    runs = { { 1, 0, 12, 1 }, { 1, 12, 34.7, 2 }, { 1, 34.7, 69.5, 3 }, { 1, 69.5, 80.5, 1 } } },

  { name = "what another replica took cuts nothing short", policy = FCFS, cluster = pool(50, { gpus = 2, max_requests = 1 }),
    -- 1: A: 12; K = 3 .. 7: 57.5 -> 69.5 in one run, although C came at 24: replica 2, idle since 22.2, took it at once.
    -- 2: B: 11; K = 2: 11.2 -> 22.2; C: 13 -> 37. D at 200: 11
    requests = { { 0, 2, 6 }, { 0, 1, 2 }, { 24, 3, 1 }, { 200, 1, 1 } },
    expect = { { 0, 12, 69.5, 0 }, { 0, 11, 22.2, 0 }, { 24, 37, 37, 0 }, { 200, 211, 211, 0 } },
    runs = { { 2, 0, 11, 1 }, { 1, 0, 12, 1 }, { 2, 11, 22.2, 1 }, { 2, 24, 37, 1 }, { 1, 12, 69.5, 5 }, { 1, 200, 211, 1 } } },

  { name = "asynchronous scheduling", policy = FCFS, cluster = pool(50, { async_scheduling = true }),
    -- A: 12. B came in that step: K = 3: 11.3 -> 23.3 without it; then both: T = 2, K = 4: 12.4 -> 35.7, and K = 5: 11.5
    -- -> 47.2. C: 11 -> 71. D came in that step, but nothing is left to go on with: 11 -> 82
    requests = { { 0, 2, 4 }, { 5, 1, 1 }, { 60, 1, 1 }, { 65, 1, 1 } },
    expect = { { 0, 12, 47.2, 0 }, { 23.3, 35.7, 35.7, 0 }, { 60, 71, 71, 0 }, { 71, 82, 82, 0 } },
    runs = { { 1, 0, 12, 1 }, { 1, 12, 23.3, 1 }, { 1, 23.3, 35.7, 1 }, { 1, 35.7, 47.2, 1 }, { 1, 60, 71, 1 },
             { 1, 71, 82, 1 } } },

  { name = "prompts first", cluster = pool(50), policy = [[
local PromptsFirst = {}
function PromptsFirst:schedule(replica, step)
  if step:admit(self.sim.queue) == 0 then step:carry() end
end
return PromptsFirst
]],
    -- A: 12. B's prompt alone, A stands still: 13 -> 25. K = 3 + 4, T = 2: 12.7 -> 37.7. A's 3rd: K = 4: 11.4 -> 49.1
    requests = { { 0, 2, 3 }, { 5, 3, 2 } },
    expect = { { 0, 12, 49.1, 0 }, { 12, 25, 37.7, 0 } } },

  { name = "more decodes than budget: the oldest", cluster = pool(50), policy = [[
local Fewer = {}
function Fewer:schedule(replica, step)
  if replica.running == 3 then replica.token_budget = 2 end
  step:carry()
  step:admit(self.sim.queue)
end
return Fewer
]],
    -- T = 3: 13. A and B: K = 2 + 2: 12.4 -> 25.4, K = 3 + 3: 12.6 -> 38. C: K = 2: 11.2 -> 49.2, K = 3: 11.3 -> 60.5
    requests = { { 0, 1, 3 }, { 0, 1, 3 }, { 0, 1, 3 } },
    expect = { { 0, 13, 38, 0 }, { 0, 13, 38, 0 }, { 0, 13, 60.5, 0 } } },

  { name = "carry preempts the newest, and goes on with the others", cluster = pool(4), policy = [[
local SecondFirst = {}
function SecondFirst:schedule(replica, step)
  local list = {}
  for req in replica:each_running() do list[#list + 1] = req end
  if list[2] then step:add(list[2]) end
  step:carry()
  while not self.started and #self.sim.queue > 0 do step:add(self.sim.queue:peek(), 2) end
  self.started = true
  if #list == 0 then step:admit(self.sim.queue) end
end
return SecondFirst
]],
    -- Two tokens of each: T = 6: 16, B's and C's first; 3 blocks. B is added and takes the last block. C's next token and A's
    -- last of the prompt need one each: C, the newest, is preempted, A takes its block: T = 2, K = 3: 12.3 -> 28.3, A is
    -- done. B: K = 4: 11.4 -> 39.7. C computes its 3 tokens again: 13 -> 52.7
    requests = { { 0, 3, 1 }, { 0, 2, 3 }, { 0, 2, 2 } },
    expect = { { 0, 28.3, 28.3, 0 }, { 0, 16, 39.7, 0 }, { 0, 16, 52.7, 1 } } },

  { name = "a chunk larger than the budget is refused, for one missing token too", cluster = pool(50, { token_budget = 4 }),
    policy = [[
local Once = {}
function Once:schedule(replica, step)
  local next_one = replica:each_running()
  local current = next_one()
  if current and not self.done then
    step:preempt(current, "recompute")
    self.done = true
    local taken, why = step:add(current, 5)
    assert(not taken and why == "tokens" and step:add(current, 4) and step.tokens == 1)
  end
  step:carry()
  step:admit(self.sim.queue)
end
return Once
]],
    -- 14; both blocks are found, so a decode: K = 5: 11.5 -> 25.5
    requests = { { 0, 4, 2 } },
    expect = { { 0, 14, 25.5, 1 } } },

  { name = "restart: the time of what is thrown away", cluster = pool(50, { prefix_cache = false }), policy = [[
local Twice = {}
function Twice:schedule(replica, step)
  local next_one = replica:each_running()
  local current = next_one()
  if current and current:preemptions() < 2 and current:generated() == 2 - current:preemptions() then
    step:preempt(current, current:preemptions() == 0 and "restart" or "recompute")
  end
  step:carry()
  step:admit(self.sim.queue)
  step:quantum(1)
end
return Twice
]],
    -- 12; K = 3: 11.3 -> 23.3, two tokens, thrown away. 12 -> 35.3 computes the prompt again: the first token. Preempted,
    -- 3 tokens: 13 -> 48.3, of which 2 had been computed. K = 4: 11.4 -> 59.7
    requests = { { 0, 2, 3 } },
    expect = { { 0, 35.3, 59.7, 2 } },
    parts = { prefill = 12 + 13 / 3, again = 11.3 + 12 + 26 / 3, decode = 11.4 } },

  { name = "slices of a batch", cluster = pool(50), policy = STATIC:gsub("barrier%(%)", "barrier(3)"),
    -- P = 2, A = 3: 10 + 4 = 14; 12 + 0.1 x 6, 12 + 0.1 x 8 -> 39.4, when A is done and B, of which 5 tokens are known, goes
    -- back. The batch computes all of them again: 15 -> 54.4, and that token is the last: TPOT (54.4 - 14) / 3
    requests = { { 0, 2, 2 }, { 0, 2, 4 } },
    expect = { { 0, 14, 39.4, 0 }, { 0, 14, 54.4, 1 } },
    runs = { { 1, 0, 39.4, 1 }, { 1, 39.4, 54.4, 1 } } },

  { name = "idle until a time", cluster = pool(50), policy = [[
local Late = {}
function Late:schedule(replica, step)
  if self.sim.now < 0.05 then return step:idle(0.05) end
  step:carry()
  step:admit(self.sim.queue)
end
return Late
]],
    -- 50, then 12
    requests = { { 0, 2, 1 } },
    expect = { { 50, 62, 62, 0 } } },

  { name = "two ranks step together, padded to the larger; one idles", cluster = { gpus = 2, kv = "paged", kv_block = 4,
      kv_blocks = 50, experts = { parallel = 2 } }, policy = [[
local Ranks = {}
function Ranks:arrive(req) self.sim.replicas[(req.id < 3 or req.id == 8) and 1 or 2].queue:push(req) end
function Ranks:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
end
return Ranks
]],
    -- Three and five prompts of 1: both T = 5: 15. K = 5 x 2 on the larger: 10 + 5 + 1 = 16 -> 31, then 16.5 -> 47.5, 17 ->
    -- 64.5: the three are done. The five alone, while the first rank computes dummies: 17.5 -> 82, 18 -> 100.
    -- Request 8 came at 70,
    -- amid a step: it starts at 82, and is padded to T = 5 as well: 10 + 5 + 0.1 x 30 -> 100. Alone: K = 2: 11.2 -> 111.2
    requests = { { 0, 1, 4 }, { 0, 1, 4 }, { 0, 1, 4 }, { 0, 1, 6 }, { 0, 1, 6 }, { 0, 1, 6 }, { 0, 1, 6 }, { 0, 1, 6 },
      { 70, 1, 2 } },
    expect = { { 0, 15, 64.5, 0 }, { 0, 15, 64.5, 0 }, { 0, 15, 64.5, 0 }, { 0, 15, 100, 0 }, { 0, 15, 100, 0 },
      { 0, 15, 100, 0 }, { 0, 15, 100, 0 }, { 0, 15, 100, 0 }, { 82, 100, 111.2, 0 } } },

  { name = "the slowest rank changes within a run", cluster = { gpus = 2, kv = "paged", kv_block = 4, kv_blocks = 50,
      experts = { parallel = 2 } }, policy = [[
local Ranks = {}
function Ranks:arrive(req) self.sim.replicas[req.id == 0 and 1 or 2].queue:push(req) end
function Ranks:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
end
return Ranks
]],
    -- 9 and 3 x 2: T = 9: 19. T = 3 from now on: K = 10 against 3 x 3, then 11 against 12, 13 against 15 in the end:
    -- 13 + 1, 13 + 1.2, 13 + 1.5, 13 + 1.8 -> 33, 47.2, 61.7, 76.5
    requests = { { 0, 9, 5 }, { 0, 2, 5 }, { 0, 2, 5 }, { 0, 2, 5 } },
    expect = { { 0, 19, 76.5, 0 }, { 0, 19, 76.5, 0 }, { 0, 19, 76.5, 0 }, { 0, 19, 76.5, 0 } } },

  { name = "host and requests cost time as well", policy = FCFS, cluster = pool(50), host = 2, per_request = 0.5,
    -- T = 3, B = 2: 10 + 3 + 2 x 0.5 + 2 = 16. K = 2 + 3, T = 2: 10 + 2 + 0.5 + 1 + 2 = 15.5 -> 31.5
    requests = { { 0, 1, 2 }, { 0, 2, 2 } },
    expect = { { 0, 16, 31.5, 0 }, { 0, 16, 31.5, 0 } } },
}
