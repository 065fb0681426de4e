-- slai: a decode waits until it is critical. In each step those come first whose next gap would otherwise exceed their promise
-- (slo.tbt since the last token, less the time of `offset` steps), then prompts under way, then new ones, the shortest first,
-- and with what is left of the budget the decodes that could have waited.
-- Source: Bari, Hegde, de Veciana, "Optimal scheduling algorithms for LLM inference: theory and practice", arXiv 2508.01002,
-- POMACS 2025, scheduler SLAI. The mean time of a step is an exponential average (weight 0.1), as in the authors' code; offset
-- and budget are options there, the defaults ours. Left out: an offset that follows the use of memory.
local lanes = require "mbsand.lanes"

local add, peek                                -- methods of the step and of a queue, looked up once

local Slai = { signal = lanes.signal, order = "prompt_tokens", params = {
  chunk = 512,                                 -- tokens of a step
  offset = 2,                                  -- steps before a token is due at which its request is critical
  max_requests = 128,
} }

function Slai:init()
  lanes.open(self)
  for _, set in pairs(self.sets) do set.mean = 0 end -- s of a step
end

-- Who comes before the decodes that can wait; false where memory was short, or where tokens are left for those.
local function fill(set, replica, step, queue, waiting)
  if set.promised and not lanes.serve(set, replica, step) then return false end
  local prefills = set.prefills
  local count = #prefills
  add, peek = add or step.add, peek or queue.peek
  for i = 1, count do
    local good, why = add(step, prefills[i].req)
    if not good then return why ~= "memory" end
  end
  if waiting > 0 and count > 0 and step.budget == 0 then return true end
  for _ = 1, waiting do
    local head = peek(queue)
    if not add(step, head) then break end
    lanes.admitted(set, head)
  end
  return step.budget == 0
end

function Slai:serve(replica, step, queue)
  local set, now = self.sets[replica.id], self.sim.now
  lanes.settle(set, now)
  if set.promised then
    local ahead = now + self.params.offset * set.mean
    for i = 1, #set.list do set.list[i].latest = ahead - set.list[i].gap end
  end
  local waiting = #queue
  if #set.prefills + waiting == 0 or not fill(set, replica, step, queue, waiting) then lanes.carry(set, replica, step) end
end

function Slai:schedule(replica, step) self:serve(replica, step, self.queue) end

function Slai:stepped(replica, step)
  local set = self.sets[replica.id]
  set.mean = set.mean + 0.1 * (step.duration / step.count - set.mean)
end

function Slai.finish(_, req) lanes.left(req) end

return Slai
