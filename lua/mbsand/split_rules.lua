-- mbsand.split_rules: where prompts are computed and where answers, if not at the same replica. A rule has two functions:
-- prompt(self, req), one of `self.prefills`, or nil where the request is to be rejected; and answer(self, req, replica), one of
-- `self.decodes`, or nil to stay, for a request whose prompt `replica` has computed. Both are lists of places: the `replica`,
-- and the `requests` and `tokens` of prompts that were sent there in this instant. The policy `disaggregated` says what each
-- rule is, and its source.
local rules = { distserve = {}, splitwise = {}, mooncake = {} }

-- Of some places the one with the least of what a function says, of equals the first, and how much that is.
local function least(places, what, req)
  local best, lowest = places[1], what(places[1], req)
  for i = 2, #places do
    local value = what(places[i], req)
    if value < lowest then best, lowest = places[i], value end
  end
  return best, lowest
end

local function requests(place)
  local replica = place.replica
  return replica.running + replica.waiting + place.requests
end

local function prompts(place) return place.replica.prefill_left + place.replica.queue.tokens end

function rules.distserve.prompt(self) return (least(self.prefills, requests)) end

function rules.distserve.answer(self) return (least(self.decodes, requests)) end

function rules.splitwise.prompt(self, req)
  local place, tokens = least(self.prefills, prompts)
  if tokens + req.prompt_tokens <= self.params.pending then return place end
  local other, fewer = least(self.decodes, prompts)
  return fewer + req.prompt_tokens <= self.params.pending and other or place
end

local function used(place) return place.tokens - place.replica.kv.free end

function rules.splitwise.answer(self, req)
  local place, most = least(self.decodes, used)
  return -most >= req.prompt_tokens and place or nil
end

-- Seconds until its first token there.
local function first_token(place, req)
  local cached = place.replica:cached(req)
  return place.replica:estimate{ prefill = prompts(place) + req.prompt_tokens - cached, prefix = cached }
end

-- Seconds of a step with all that decode there or are to, and the request.
local function next_token(place, req)
  local context = place.replica.context + place.tokens + req.prompt_tokens
  return place.replica:estimate{ decodes = requests(place) + 1, context = context }
end

function rules.mooncake.prompt(self, req)
  local place, first = least(self.prefills, first_token, req)
  local _, gap = least(self.decodes, next_token, req)
  local slo = req.slo or {}
  return first <= (slo.ttft or math.huge) and gap <= (slo.tbt or math.huge) and place or nil
end

function rules.mooncake.answer(self, req) return (least(self.decodes, next_token, req)) end

return rules
