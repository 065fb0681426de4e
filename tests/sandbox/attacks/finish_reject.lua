-- Turn the same request away twice.
-- expect: the request is on its way
local P = {}
function P:arrive(req) self.sim:reject(req) end
function P:finish(req) self.sim:reject(req) end
function P:schedule() end
return P
