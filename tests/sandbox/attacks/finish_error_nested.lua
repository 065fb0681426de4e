-- An error in finish, called by a rejection, called by schedule.
-- expect: finish_error_nested.lua:5: from within [in finish
local P = {}
function P:schedule() self.sim:reject(self.sim.queue:peek()) end
function P:finish() error("from within") end
return P
