-- The origin's static_fifo, newest state (December 2025): batches of up to 8 in arrival order.
-- It never looks at memory: run it with an unlimited pool.

local StaticFifo = { params = { batch_size = 8 }, python_ties = true }

function StaticFifo:schedule(_, step)
  step:admit(self.sim.queue, self.params.batch_size)
end

return StaticFifo
