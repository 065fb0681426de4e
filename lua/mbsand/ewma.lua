-- mbsand.ewma: an exponentially weighted moving average.
--
--   local ewma = require "mbsand.ewma"
--   local tbt = ewma.new(0.2)        -- or ewma.new(0.2, 0.010) to start from a guess
--   tbt:add(0.012)                   -- value <- weight x + (1 - weight) value
--   print(tbt.value)                 -- nil before the first sample if no guess was given
--
-- Without a guess the first sample becomes the value. Starting from 0 instead would pull the first 1/weight values
-- down, so a controller fed with them would believe that everything is fast.
-- Source: S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1(3), 1959.

local ewma = {}

local function add(self, x)
  local value = self.value
  if value == nil then
    self.value = x
  else
    self.value = self.weight * x + (1 - self.weight) * value
  end
  return self.value
end

-- weight: share of the newest sample, 0 < weight <= 1. initial: a first guess, or nil.
function ewma.new(weight, initial)
  assert(weight > 0 and weight <= 1, "ewma.new: weight must be in (0, 1]")
  return { weight = weight, value = initial, add = add }
end

return ewma
