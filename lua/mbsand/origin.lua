-- mbsand.origin: the rules of the Python simulator mb_dyn_sim, rebuilt from a description of its behaviour so that its
-- results can be reproduced. Shared by policies/origin/*. The oddities are kept on purpose; docs/compatibility tells which.
-- Two states of it: the newest (`newest`, December 2025) and the first (`first`, November 2025).
-- "GB" means what it means there: a plain number, 1.875e-4 of it per token.

local origin = {}

local floor, min, max = math.floor, math.min, math.max

-- Weight of the newest batch in every average of the origin, and its first guess of a request's length.
local WEIGHT, FIRST_PROMPT, FIRST_OUTPUT = 0.2, 300, 200

local function blend(old, new)
  return WEIGHT * new + (1 - WEIGHT) * old
end

-- Statistics and controller state of one bin, or of all. cap: largest batch, requests; batch: first average batch size.
function origin.state(cap, batch)
  return {
    prompt = FIRST_PROMPT, output = FIRST_OUTPUT,
    low = 1, high = cap, cap = cap, tau = 0, batch = batch, others = 0, updates = 0,
  }
end

-- Learn from a batch that ended. tau: what the controller is fed with, s; others: requests in flight on other replicas.
function origin.learn(state, step, tau, others)
  local b = step.requests
  state.prompt = blend(state.prompt, step.prefill_tokens / b)
  state.output = blend(state.output, step.decode_tokens / b)
  state.tau = blend(state.tau, tau)
  state.batch = blend(state.batch, b)
  state.others = others
  state.updates = state.updates + 1
end

-- Algorithm 1 of the origin: 10 % flat buffer. eta: tokens that fit beside the model.
function origin.memory_size(state, eta)
  return floor(0.9 * eta / (state.prompt + state.output))
end

-- The same, never below the requests in flight on the whole cluster (newest state only).
function origin.newest_memory_size(state, eta, running, max_batch)
  local size = origin.memory_size(state, eta)
  if running > 0 then size = max(size, running) end
  return max(1, min(size, state.cap, max_batch))
end

local function close(state)
  state.low = max(1, state.low)
  state.high = min(state.cap, state.high)
  state.low = min(state.low, state.high)
  return floor((state.low + state.high) / 2)
end

-- Algorithm 2 of the origin, newest state. Moves the interval at each call.
function origin.newest_sla_size(state, target, tolerance)
  if state.tau == 0 or state.updates < 3 then return floor((state.low + state.high) / 2) end
  local m = floor(state.batch)
  if state.tau > target + tolerance then
    local high = max(m, state.low + 4)
    state.low = max(state.low - 2, 1)
    state.high = min(state.high, high)
  elseif state.tau < target - tolerance then
    local low = min(m, state.high - 4)
    state.high = min(state.high + 2, state.cap)
    state.low = max(state.low, low)
  else
    state.high = min(m + 1, state.cap)
    state.low = max(m - 1, 1)
  end
  local size = close(state)
  if state.others > 0 then size = max(size, state.others) end
  return max(1, min(size, state.cap))
end

-- Algorithm 2 of the origin, first state: the target is the service time of a whole batch.
function origin.first_sla_size(state, target, tolerance)
  if state.tau == 0 then return floor((state.low + state.high) / 2) end
  local m = floor(state.batch)
  if state.tau > target + tolerance then
    state.high = min(state.high, m)
    state.low = max(state.low, floor(0.8 * state.batch))
  elseif state.tau < target - tolerance then
    state.low = max(state.low, m)
    state.high = min(state.high + floor(0.2 * state.batch), state.cap)
  else
    local width = max(1, floor(0.1 * (state.high - state.low)))
    state.low = max(1, m - width)
    state.high = min(state.cap, m + width)
  end
  return max(1, min(close(state), state.cap))
end

-- Take `size` of the first `limit` of a queue by arrival; the origin's first state puts the others at its tail.
function origin.take_to_tail(policy, step, queue, size, limit)
  if #queue <= size then return step:admit(queue, size) end
  local candidates = policy.candidates
  local count = min(limit, #queue)
  for i = 1, count do
    local req = queue:pop()
    local at = i -- stable insertion by arrival: the queue is nearly in order
    while at > 1 and candidates[at - 1].arrival > req.arrival do
      candidates[at] = candidates[at - 1]
      at = at - 1
    end
    candidates[at] = req
  end
  local taken = 0
  while taken < min(size, count) and step:add(candidates[taken + 1]) do taken = taken + 1 end
  for i = taken + 1, count do queue:push(candidates[i]) end
  for i = 1, count do candidates[i] = nil end
  return taken
end

-- numpy's linear quantile of a sorted array.
local function quantile(sorted, q)
  local at = q * (#sorted - 1)
  local below = floor(at)
  local t = at - below
  local a, b = sorted[below + 1], sorted[min(below + 2, #sorted)]
  if t >= 0.5 then return b - (b - a) * (1 - t) end
  return a + (b - a) * t
end

-- Lower ends of k bins of equal mass, cut to whole tokens. The last bin ends at 10,000 and also takes what fits nowhere.
function origin.lower_ends(sorted, k)
  if k == 1 then return { 0 } end
  assert(#sorted > 0, "no sample of predicted lengths to cut into bins")
  local lower = {}
  for j = 1, k do lower[j] = floor(quantile(sorted, (j - 1) / k)) end
  return lower
end

-- Largest batch of a bin [low, high) in the newest state: as many requests of middle length as fit into half the memory.
function origin.bin_cap(low, high, gigabytes, per_token, max_batch)
  local middle = floor((low + min(high, 4096)) / 2)
  if middle == 0 then return max_batch end
  return max(1, min(floor(gigabytes / (2 * middle * per_token)), max_batch))
end

-- Make policy.bins and policy.lowest from params `bins`, or from params `edges`: the lower ends of the bins, as computed
-- from another sample. Returns the caps, which the origin has only where it computed the ends itself.
function origin.make_bins(policy, gigabytes, per_token)
  local sim, params = policy.sim, policy.params
  local given = #params.edges > 0
  assert(not given or #params.edges >= params.bins, "fewer edges than bins")
  local ends = given and params.edges or origin.lower_ends(sim:sample("predicted_output"), params.bins)
  local lower, edges, caps = {}, {}, {}
  for i = 1, params.bins do -- equal ends make a bin that nothing falls into: leave it out
    if i == params.bins or ends[i] < ends[i + 1] then lower[#lower + 1] = ends[i] end
  end
  for i = 1, #lower do
    edges[i - 1] = lower[i]
    caps[i] = params.max_batch
    if per_token and not given then
      caps[i] = origin.bin_cap(lower[i], lower[i + 1] or 10000, gigabytes, per_token, params.max_batch)
    end
  end
  edges[0] = nil
  policy.bins = sim:bins{ key = "predicted_output", edges = edges }
  policy.lowest = lower[1]
  policy.pointer = 0
  return caps
end

-- The arrive hook: what lies below the first bin goes to the last.
function origin.file(policy, req)
  local bins = policy.bins
  if req.predicted_output < policy.lowest then bins[#bins]:push(req) else bins:push(req) end
end

-- The next bin to serve, or nil. Only "longest_queue" is not a round robin.
function origin.choose(policy)
  if policy.params.selection == "longest_queue" then return policy.bins:longest() end
  local bin = policy.bins:next(policy.pointer)
  if bin then policy.pointer = bin end
  return bin
end

return origin
