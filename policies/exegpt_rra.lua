-- exegpt_rra: rounds of two phases. A step computes the whole prompts of some `encode` new requests, in order of arrival, while
-- the decodes wait; then `decode` steps follow in which nobody joins. So that encodings stay alike, a round takes requests
-- until it has as many tokens as `encode` prompts of mean length have.
-- Source: Oh et al., "ExeGPT: constraint-aware resource scheduling for LLM inference", arXiv 2404.07947, ASPLOS 2024, its
-- round-robin allocation (RRA) on one engine. B_E and N_D are what its search finds for a bound on the latency: `mbsand search
-- --tune params.encode=... --tune params.decode=...` here. Open there, and chosen here: with nobody to decode a round begins at
-- once.
local Rra = { params = {
  encode = 16,                                 -- B_E: requests of a round
  decode = 16,                                 -- N_D: steps between two encodings
  max_requests = 256,
} }

function Rra:init()
  self.left, self.encoding = {}, {}            -- by replica: steps until the next round; whether this step is one
  self.prompts, self.count = 0, 0              -- of all so far: tokens, requests
  for _, replica in ipairs(self.sim.replicas) do
    replica.max_requests, replica.chunked = math.min(replica.max_requests, self.params.max_requests), false
    self.left[replica.id] = 0
  end
end

local function encode(self, step, queue)
  local head = queue:peek()
  while head and (step.requests == 0 or (step.tokens + head.prompt_tokens) * self.count <= self.params.encode * self.prompts)
        and step:add(head) do
    self.prompts, self.count = self.prompts + head.prompt_tokens, self.count + 1
    head = queue:peek()
  end
  return step.requests > 0
end

function Rra:serve(replica, step, queue)
  local id = replica.id
  self.encoding[id] = (self.left[id] <= 0 or replica.running == 0) and encode(self, step, queue)
  if self.encoding[id] then
    self.left[id] = self.params.decode
  else
    step:carry()
    if self.left[id] > 0 then step:quantum(self.left[id]) end
  end
end

function Rra:schedule(replica, step) self:serve(replica, step, self.sim.queue) end

function Rra:stepped(replica, step)
  if not self.encoding[replica.id] then self.left[replica.id] = self.left[replica.id] - step.count end
end

return Rra
