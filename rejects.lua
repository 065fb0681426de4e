local Rejects = {}
function Rejects:arrive(request)
  if request.prompt_tokens > 300 then return request:reject("too long") end
  self.sim.inbox:push(request)
end
function Rejects:schedule(replica, step)
  self.sim:observe("asked", replica.running)
  step:carry()
  step:admit(self.sim.inbox, 1)
end
return Rejects
