-- wait: admission in groups. Requests of a kind, by predicted output (`edges`), wait until `thresholds` of them are there, and
-- begin together: so each kind has as many in each stage of its answers, and memory stays near what the fluid limit needs.
-- With `hold` those that run wait for the next group of their kind as well, at each step.
-- Source: Ao, Luo, Simchi-Levi & Wang, "Optimizing LLM inference: fluid-guided online scheduling with memory constraints",
-- arXiv 2504.11320, algorithm WAIT. As we remember it every stage of a kind waits for its threshold (`hold`); off, since then
-- at light load a token takes as long as a group to come. Ours: the thresholds, and that every `flush` s all go that wait.
local Wait = { params = {
  edges = {},                                  -- of predicted outputs, between kinds
  thresholds = { 4 },                          -- of each kind; the last one of all further ones
  hold = false,
  flush = 1,                                   -- s
} }

function Wait:init()
  self.bins = self.sim:bins{ key = "predicted_output", edges = self.params.edges }
  self.sim.inbox = self.bins
  self.flush = {}                              -- by replica
  self.sim:every(self.params.flush, function()
    for i in ipairs(self.sim.replicas) do self.flush[i] = true end
  end)
end

function Wait:threshold(kind)
  local list = self.params.thresholds
  return list[math.min(kind, #list)]
end

function Wait:kind(req)
  local kind = 1
  while (self.params.edges[kind] or math.huge) <= req.predicted_output do kind = kind + 1 end
  return kind
end

-- The running of the kinds that go; how many had to be preempted.
function Wait:carry(replica, step, go)
  local all = true
  for kind = 1, #self.bins do all = all and go[kind] end
  if all or not self.params.hold then return step:carry() end
  for req in replica:each_running() do
    if go[self:kind(req)] then step:add(req) end
  end
  return 0
end

function Wait:schedule(replica, step)
  local any, go, flush = not self.params.hold and replica.running > 0, {}, self.flush[replica.id] or self.sim.arrivals_ended
  for kind = 1, #self.bins do
    go[kind] = flush or #self.bins[kind] >= self:threshold(kind)
    any = any or go[kind]
  end
  if not any then return step:idle() end
  self.flush[replica.id] = nil
  if self:carry(replica, step, go) > 0 then return end
  local more = self.params.hold
  for kind = 1, #self.bins do
    if go[kind] then step:admit(self.bins[kind], flush and math.huge or self:threshold(kind)) end
    more = more or #self.bins[kind] >= self:threshold(kind)
  end
  if step.requests == 0 then step:idle() elseif more then step:quantum(1) end
end

return Wait
