-- rpm_limit: a limit on the requests per minute of each client. A request is turned away when its client has had `limit` others
-- taken in within the last `window` s; what is taken in is served first come, first served.
-- Source: the rate limit of public APIs, as a baseline in Sheng et al. (VTC), OSDI 2024, arXiv 2401.00588 (section 5; limits of
-- 5 to 30 in its code, which turns away too and does not hold back). It is no scheduler: an idle engine does not lift it.
local RpmLimit = { params = { limit = 20, window = 60 } }

function RpmLimit:init()
  self.taken = {}                              -- by client: the last `limit` times, in a ring
  for _, replica in ipairs(self.sim.replicas) do replica:plain{ queue = self.sim.queue } end
end

function RpmLimit:arrive(req)
  local times, now = self.taken[req.client] or { last = 0 }, self.sim.now
  self.taken[req.client] = times
  local place = times.last % self.params.limit + 1
  if times[place] and now - times[place] < self.params.window then
    self.sim:reject(req, "rpm")
  else
    times[place], times.last = now, place
    self.sim.queue:push(req)
  end
end

return RpmLimit
