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

local floor = math.floor -- this runs once per batch: locals, and comparisons instead of math.min and math.max

local sla = {}

function sla.controller(options)
  assert(options.target and options.target > 0, "sla.controller: target must be a positive time in seconds")
  local least, most = options.min or 1, options.max or 128
  assert(least >= 1 and least <= most, "sla.controller: 1 <= min <= max")
  local window, tolerance = options.window or 20, options.tolerance or 0.05 * options.target
  local slow, fast = options.target + tolerance, options.target - tolerance
  local width, step = math.min(options.width or 16, most - least), options.step or 4
  local half = floor(width / 2)
  local times, batches, time_sum, batch_sum, at, samples = {}, {}, 0, 0, 0, 0
  local fresh, ends, size = false, nil, floor((least + most) / 2) -- worked out anew only when something was observed
  local control = { low = least, high = most }

  function control:observe(tbt, requests) -- luacheck: ignore self
    if tbt <= 0 then return end -- no token was generated: nothing to control
    local i = at < window and at + 1 or 1
    local time = times[i]
    if time then
      time_sum, batch_sum = time_sum - time + tbt, batch_sum - batches[i] + requests
    else
      samples, time_sum, batch_sum = i, time_sum + tbt, batch_sum + requests
    end
    at, times[i], batches[i], fresh = i, tbt, requests, true
  end

  -- One decision of Algorithm 2 after each observation, for the recent mean time and mean batch size. Where the interval
  -- rests, so does the answer.
  -- decoding: N_decode, requests that this replica is generating for and that cannot be sent away.
  function control:batch_size(decoding)
    if fresh then
      fresh = false
      local low, high, time, batch = self.low, self.high, time_sum / samples, batch_sum / samples
      if time > slow then
        high, low = low + width, low - step
        if batch > high then high = batch end
        if low < least then low = least end
      else
        if time < fast then
          low, high = high - width, high + step
          if batch < low then low = batch end
        else
          low, high = batch - half, batch + half
          if low < least then low = least end
        end
        if high > most then high = most end
      end
      self.low, self.high = low, high
      local sum = low + high
      if sum ~= ends then
        ends, size = sum, floor(sum / 2)
        if size > most then size = most end
        if size < least then size = least end
      end
    end
    if decoding and decoding > size then return decoding < most and decoding or most end
    return size
  end

  return control
end

return sla
