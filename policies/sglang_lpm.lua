-- sglang_lpm: SGLang's schedule "lpm". The waiting request with the longest prefix in the cache is admitted first (of more than
-- `look`, the oldest); one whose beginning is not there, but stands in the queue before it, comes last: it will be. Admission
-- leaves memory for what the running may still generate, times a ratio that falls from `ratio` to `least` in `decay` decode
-- steps. Out of memory, the shortest answers are retracted until `spare` more steps have room, and the ratio rises accordingly.
-- Source: SGLang, srt/managers/schedule_policy.py and schedule_batch.py, its server's defaults with --enable-mixed-chunk. The
-- bound of an answer is `req.max_output`, at most `bound`. Who is refused asks again every `renew` steps; there, at each.
local Lpm = { params = {
  look = 128, start = 32,                      -- tokens of a beginning that count
  ratio = 0.7, least = 0.098, decay = 600, spare = 20, renew = 10, bound = 4096,
} }

function Lpm:init()
  self.state = {}                              -- by replica: the ratio, and prompts + bounds of those that run
  for i in ipairs(self.sim.replicas) do self.state[i] = { ratio = self.params.ratio, sum = 0 } end
end

function Lpm:arrive(req)
  local bound = math.min(req.max_output or math.huge, self.params.bound)
  req.user = { sum = req.prompt_tokens + bound }
  self.sim.queue:push(req)
end

-- Those that stay get room for `spare` steps.
function Lpm:retract(replica, step, state)
  local list, bound, made = {}, 0, 0
  for req in replica:each_running() do list[#list + 1] = req end
  local function worth(req) return req:generated() - req.prompt_tokens / 2 ^ 32 end
  table.sort(list, function(a, b) return worth(a) > worth(b) end)
  while #list > 1 and replica.kv.free < math.max(replica.due, #list * self.params.spare) do
    local req = table.remove(list)
    state.sum, req.user.state = state.sum - req.user.sum, nil
    step:preempt(req, "recompute", self.sim.queue, "back")
  end
  for _, req in ipairs(list) do bound, made = bound + req.user.sum - req.prompt_tokens, made + req:generated() end
  state.ratio = math.min(1, (made + self.params.spare * #list) / bound)
  return true
end

function Lpm:schedule(replica, step)
  local queue, state = self.sim.queue, self.state[replica.id]
  if replica.running == 0 then state.ratio = self.params.ratio end
  local short = replica.due > replica.kv.free and self:retract(replica, step, state)
  local full = step:carry() > 0 or short
  if #queue == 0 then return end
  local met, room = {}, replica.kv.free - state.ratio * math.max(0, state.sum - replica.context)
  while #queue > 0 and not full do
    local most = #queue > self.params.look and 1 or nil
    local req, cached = queue:longest_cached(replica, most, self.params.start, met)
    local user, new = req.user, req.user.sum - cached
    full = new >= room and replica.running > 0 or not step:add(req)
    if not full and not user.state then user.state, state.sum = state, state.sum + user.sum end
    room = room - new
  end
  if #queue > 0 then step:quantum(self.params.renew) end
end

function Lpm:stepped(replica, step)
  local state, params = self.state[replica.id], self.params
  state.ratio = math.max(params.least, state.ratio - step.count * (params.ratio - params.least) / params.decay)
end

function Lpm.finish(_, req)
  if req.user and req.user.state then req.user.state.sum = req.user.state.sum - req.user.sum end
end

return Lpm
