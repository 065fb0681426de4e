-- nested_wait: groups for answers of unknown length. A request begins when `thresholds[1]` wait; who has generated `edges[1]`
-- tokens and is not done is set aside, with its memory, until `thresholds[2]` such are there, and so on: short answers end
-- early and never meet the long ones, which go on in groups of their own.
-- Source: Ao, Luo, Simchi-Levi & Wang, "Optimizing LLM inference: fluid-guided online scheduling with memory constraints",
-- arXiv 2504.11320, algorithm Nested WAIT. Chosen here: once in a segment a request goes on to its end; the numbers; that every
-- `flush` s all go that wait, as after the last arrival, or nobody would end some of them; and that while less than `share` of
-- the memory is free, who is set aside gives its memory up, where the paper has a buffer.
local Nested = { params = {
  edges = { 64, 256 }, thresholds = { 4, 2, 1 },
  flush = 1, share = 0.1,
  look = 16,                                   -- steps between two looks for those at an edge
} }

local generated                                -- the method of a request, looked up once

function Nested:init()
  self.state = {}                              -- by replica: pools, steps done, the step at which the next one is at an edge
  for i in ipairs(self.sim.replicas) do
    local state = { pools = { self.sim.queue }, steps = 0, due = math.huge, flush = false }
    for segment = 1, #self.params.edges do state.pools[segment + 1] = self.sim:queue() end
    self.state[i] = state
  end
  self.sim:every(self.params.flush, function()
    for _, state in ipairs(self.state) do state.flush = true end
  end)
end

-- Who came to the end of its segment waits for others.
function Nested:part(replica, step, state)
  local how = replica.kv.free < self.params.share * replica.kv.capacity and "recompute" or "pause"
  local edges, least = self.params.edges, math.huge
  for req in replica:each_running() do
    local segment = req.user
    if not segment then
      segment, generated = 1, req.generated
      req.user = segment
    end
    local edge = edges[segment]
    local left = edge and edge - generated(req)
    if left and left <= 0 then
      req.user = segment + 1
      step:preempt(req, how, state.pools[segment + 1], "back")
    elseif left and left < least then
      least = left
    end
  end
  state.due = state.steps + math.max(least, self.params.look)
end

function Nested:schedule(replica, step)
  local state, edges, thresholds = self.state[replica.id], self.params.edges, self.params.thresholds
  if state.steps >= state.due then self:part(replica, step, state) end
  local all = state.flush or self.sim.arrivals_ended
  state.flush = false
  if step:carry() == 0 then
    for segment = #state.pools, 1, -1 do
      local pool, threshold = state.pools[segment], thresholds[math.min(segment, #thresholds)]
      if #pool > 0 and (all or #pool >= threshold) then
        step:admit(pool, all and math.huge or #pool - #pool % threshold)
        local edge = edges[segment] or math.huge
        state.due = math.min(state.due, state.steps + math.max(edge - (edges[segment - 1] or 0), self.params.look))
      end
    end
  end
  if step.requests == 0 then step:idle() elseif state.due < math.huge then step:quantum(state.due - state.steps) end
end

function Nested:stepped(replica, step)
  self.state[replica.id].steps = self.state[replica.id].steps + step.count
end

return Nested
