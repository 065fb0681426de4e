-- static_fifo: batches of a fixed size in arrival order, run to completion. The baseline of request-level serving
-- (FasterTransformer and the like): a batch takes what is there, up to batch_size, and nobody joins until it ends.

local StaticFifo = { params = { batch_size = 8 } }

function StaticFifo:schedule(replica, step)
  if replica.running == 0 then
    step:admit(self.sim.queue, self.params.batch_size)
    step:barrier()
  end
end

return StaticFifo
