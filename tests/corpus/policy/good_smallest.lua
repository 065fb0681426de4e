return { schedule = function(self, replica, step) step:admit(self.sim.queue) end }
