-- disaggregated: a router. Prompts are computed on some replicas and answers on others, so that neither waits for the other;
-- what is in memory of a prompt moves over the links. Roles are those of the groups; or, with `prefills`, the first so many
-- replicas compute prompts. The `rule` says where a request goes for its prompt, and then for its answer:
--   "distserve": where fewest requests are, in both cases.
--   "splitwise": where fewest tokens of prompts are to be computed, or, where that would be more than `pending`, at a replica
--     for answers, which keeps the request; where most memory is free, or, if that is not enough, nowhere else.
--   "mooncake": where its first token is expected soonest; where its next token is. If either is expected later than was
--     promised (slo.ttft, slo.tbt), the request is rejected at once.
-- Who finds no room for its answer waits, its memory where it is. Each replica serves its queue as `engine` does.
-- Source: Zhong et al. (DistServe), arXiv 2401.09670; Patel et al. (Splitwise), arXiv 2311.18677, with its code's number;
-- Qin et al. (Mooncake), arXiv 2407.00079, without its replication of hot prefixes.
local router, rules = require "mbsand.router", require "mbsand.split_rules"

local Split = router.new{
  rule = "distserve",
  prefills = 0,                                -- 0: the groups' roles
  pending = 8192,                              -- tokens
  layers = 1,                                  -- in how many layers memory moves while the prompt is computed; 1: after that
}

function Split:init()
  local params = self.params
  if self.sets then
    error(("the engine %s keeps a list of what runs, and does not notice who comes or goes with its memory"):format(
      params.engine), 0)
  end
  self.rule = rules[params.rule]
  if not self.rule then error(('rule is "%s"; expected "distserve", "splitwise" or "mooncake"'):format(params.rule), 0) end
  self.prefills, self.decodes, self.since = {}, {}, -1
  -- Who comes with its memory goes before who must compute it again: the other way round the first could wait for what those
  -- behind it hold.
  for i, replica in ipairs(self.sim.replicas) do
    if params.prefills > 0 then replica.role = i <= params.prefills and "prefill" or "decode" end
    local list = replica.role == "prefill" and self.prefills or self.decodes
    if list == self.decodes and not self.engine.order then self.sim:queue{ by = "paused", of = replica } end
    list[#list + 1] = { replica = replica, queue = replica.queue, requests = 0, tokens = 0 }
  end
  if #self.prefills == 0 or #self.decodes == 0 then
    error("expected replicas for prompts and replicas for answers: groups with these roles, or the parameter prefills", 0)
  end
  if params.rule ~= "distserve" or params.layers > 1 then return end
  for _, place in ipairs(self.decodes) do
    if place.replica.role ~= "decode" then return end
  end
  self.sim:route("load", "prefill") -- what the hooks below say each time
  self.sim:route("load", "decode")
end

function Split:arrive(req)
  local place = self.rule.prompt(self, req)
  if place then place.queue:push(req) else self.sim:reject(req, "late") end
end

function Split:handoff(req, replica)
  if self.sim.now > self.since then
    self.since = self.sim.now
    for _, place in ipairs(self.decodes) do place.requests, place.tokens = 0, 0 end
  end
  local place = self.rule.answer(self, req)
  if not place then return replica end
  place.requests, place.tokens = place.requests + 1, place.tokens + req.prompt_tokens
  if self.params.layers > 1 then self.sim:send(req, place.replica, { layers = self.params.layers }) end
  return place.replica
end

return Split
