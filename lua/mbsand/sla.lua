-- mbsand.sla: the batch size that keeps the time between tokens at a target.
--
-- Source: Pang, Li, Wang, "Optimizing LLM inference throughput via memory-aware and SLA-constrained dynamic batching",
-- arXiv 2503.05248, 2025, Algorithm 2. A noisy bisection: the interval [low, high] of batch sizes moves down while
-- tokens come too slowly, up while they come too fast, and closes around the present batch size in between.
--
--   local sla = require "mbsand.sla"
--   local control = sla.controller{ target = 0.050, max = 128 }
--   control:observe(step.tbt, step.requests)         -- after each step or batch
--   local limit = control:batch_size(replica.running)
--
-- | option    | meaning                                                          | default        |
-- | target    | D_SLA: time between tokens to hold, s                            | required       |
-- | tolerance | eps_D: half width of the band that counts as on target, s        | 0.05 x target  |
-- | width     | alpha: the interval is at least this wide, requests              | 16             |
-- | step      | delta: the far end moves by this much (noise), requests          | 4              |
-- | window    | steps over which time and batch size are averaged                | 20             |
-- | min, max  | B_min, B_max: limits of the batch size, requests                 | 1, 128         |
--
-- The interval's width bounds the answer too: however slow the tokens, it never goes below min + alpha / 2 (9 by default),
-- nor, however fast, above max - alpha / 2. Where the target asks for smaller batches, take a smaller alpha.
--
-- The paper does not publish alpha, delta, eps_D and the window; the defaults are ours. Two additions keep it sane where
-- the paper is silent: the interval moves once per observation, not once per question, so that asking twice changes
-- nothing; and alpha is never wider than [min, max], else a small max would drive low below min.

local floor = math.floor -- a local, and comparisons instead of math.min and math.max: this runs once per batch

local sla = {}

-- One decision of Algorithm 2 for a recent mean time and mean batch size.
local function move(self, time, batch)
  local low, high, least, most = self.low, self.high, self.min, self.max
  if time > self.target + self.tolerance then
    high, low = low + self.width, low - self.step
    if batch > high then high = batch end
    if low < least then low = least end
  elseif time < self.target - self.tolerance then
    low, high = high - self.width, high + self.step
    if batch < low then low = batch end
    if high > most then high = most end
  else
    local half = floor(self.width / 2)
    low, high = batch - half, batch + half
    if low < least then low = least end
    if high > most then high = most end
  end
  self.low, self.high = low, high
end

function sla.controller(options)
  assert(options.target and options.target > 0, "sla.controller: target must be a positive time in seconds")
  local lowest, highest = options.min or 1, options.max or 128
  assert(lowest >= 1 and lowest <= highest, "sla.controller: 1 <= min <= max")
  local window = options.window or 20
  local times, batches, time_sum, batch_sum, at, samples = {}, {}, 0, 0, 0, 0
  local fresh, size = true, nil -- the answer is worked out anew only when something was observed
  local control = {
    target = options.target,
    tolerance = options.tolerance or 0.05 * options.target,
    width = math.min(options.width or 16, highest - lowest),
    step = options.step or 4,
    min = lowest, max = highest, low = lowest, high = highest,
    move = move,
  }

  function control:observe(tbt, requests) -- luacheck: ignore self
    if tbt <= 0 then return end -- no token was generated: nothing to control
    at = at < window and at + 1 or 1
    if samples < window then
      samples = samples + 1
    else
      time_sum, batch_sum = time_sum - times[at], batch_sum - batches[at]
    end
    times[at], batches[at] = tbt, requests
    time_sum, batch_sum = time_sum + tbt, batch_sum + requests
    fresh = true
  end

  -- decoding: N_decode, requests that this replica is generating for and that cannot be sent away.
  function control:batch_size(decoding)
    if fresh then
      fresh = false
      if samples > 0 then self:move(time_sum / samples, batch_sum / samples) end
      size = floor((self.low + self.high) / 2)
      if size > highest then size = highest end
      if size < lowest then size = lowest end
    end
    if decoding and decoding > size then return decoding < highest and decoding or highest end
    return size
  end

  return control
end

return sla
