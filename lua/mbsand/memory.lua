-- mbsand.memory: the batch size that overflows the KV memory with a given small probability only.
--
-- Source: Pang, Li, Wang, arXiv 2503.05248, 2025, Algorithm 1 and eq. (12). A pool holds `capacity` (eta) tokens; a
-- request holds its prompt and its output, `mean` (mu) tokens with standard deviation `deviation` (sigma). A batch of b
-- holds about Normal(b mu, b sigma^2), so P(overflow) <= eps needs mu b + theta sigma sqrt(b) <= eta, theta = Phi^-1(1 - eps).
--
--   exact   b = ((sqrt(theta^2 sigma^2 + 4 mu eta) - theta sigma) / (2 mu))^2
--   linear  b = (eta - L0) / mu with a buffer L0 that is renewed now and then. The paper prints L0 = eta - (theta sigma_S
--           + mu_S), which is 0 at the bound, and leaves no safety at all; consistent is L0 = theta sigma sqrt(b) at exact b.
--   margin  b = (1 - margin) eta / mu: a flat buffer, whatever the spread
--
--   local limit = memory.limit{ rule = "exact", capacity = replica.kv.capacity, overflow = 0.05 }
--   limit:observe(step.requests, step.prefill_tokens, step.decode_tokens)
--   local b_mem = limit:batch_size(replica.running)

local floor, sqrt = math.floor, math.sqrt -- locals: this runs once per batch

local memory = {}

local function horner(coefficients, x)
  local sum = 0
  for i = 1, #coefficients do sum = sum * x + coefficients[i] end
  return sum
end

-- M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37(3), 1988;
-- relative error about 1e-16. Highest power first.
local CENTRE = {
  { 2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
    1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e+0 },
  { 5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
    5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1 },
}
local FLANK = {
  { 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e+0,
    3.64784832476320460504e+0, 5.76949722146069140550e+0, 4.63033784615654529590e+0, 1.42343711074968357734e+0 },
  { 1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1 },
}
local TAIL = {
  { 2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580e+0, 5.46378491116411436990e+0, 6.65790464350110377720e+0 },
  { 2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1 },
}

-- Phi^-1(p): the standard normal value below which a fraction p lies, 0 < p < 1.
function memory.quantile(p)
  assert(p > 0 and p < 1, "memory.quantile: p must be between 0 and 1")
  local q = p - 0.5
  if math.abs(q) <= 0.425 then
    local r = 0.180625 - q * q
    return q * horner(CENTRE[1], r) / horner(CENTRE[2], r)
  end
  local r = math.sqrt(-math.log(math.min(p, 1 - p)))
  local branch, shift = FLANK, 1.6
  if r > 5 then branch, shift = TAIL, 5 end
  local x = horner(branch[1], r - shift) / horner(branch[2], r - shift)
  return q < 0 and -x or x
end

-- The largest b (real) with mean b + theta deviation sqrt(b) <= capacity: eq. (12), with per-request moments.
function memory.exact(capacity, mean, deviation, theta)
  local spread = theta * deviation
  local root = (sqrt(spread * spread + 4 * mean * capacity) - spread) / (2 * mean)
  return root * root
end

-- L0, tokens, for a batch of b.
function memory.buffer(deviation, theta, b)
  return theta * deviation * math.sqrt(b)
end

-- b (real) that fits beside a buffer of `buffer` tokens.
function memory.linear(capacity, buffer, mean)
  return (capacity - buffer) / mean
end

-- Running moments of prompt and output lengths, in tokens, from sums over batches. The variance of a request's total is
-- the weighted spread of the batch means, sum b_i (mean_i - mean)^2 / (batches - 1): the lengths inside a batch are not
-- needed, and a correlation of prompt and output, which the paper takes to be 0, is included.
local function add(self, requests, prompt_tokens, output_tokens)
  if requests == 0 then return end
  local total = (prompt_tokens + output_tokens) / requests
  local all, prompt, output = self.requests + requests, self.prompt, self.output
  local share, mean = requests / all, prompt + output
  prompt = prompt + share * (prompt_tokens / requests - prompt)
  output = output + share * (output_tokens / requests - output)
  self.batches, self.requests, self.prompt, self.output = self.batches + 1, all, prompt, output
  self.squares = self.squares + requests * (total - mean) * (total - prompt - output)
end

local function deviation(self)
  local batches, squares = self.batches, self.squares
  if batches < 2 or squares <= 0 then return 0 end
  return sqrt(squares / (batches - 1))
end

-- Fields: batches, requests, prompt and output (means per request); method deviation().
function memory.moments()
  return { batches = 0, requests = 0, prompt = 0, output = 0, squares = 0, add = add, deviation = deviation }
end

local RULES = {
  exact = function(self, mean, sigma)
    return memory.exact(self.capacity, mean, sigma, self.theta)
  end,
  linear = function(self, mean, sigma)
    if (self.moments.batches - 1) % self.period == 0 then
      self.L0 = memory.buffer(sigma, self.theta, memory.exact(self.capacity, mean, sigma, self.theta))
    end
    return memory.linear(self.capacity, self.L0, mean)
  end,
  margin = function(self, mean)
    return memory.linear(self.capacity, self.margin * self.capacity, mean)
  end,
}

-- Algorithm 1 renews the limit only after a step that had both prefill and decode work.
local function observe(self, requests, prompt_tokens, output_tokens)
  if not self.limited then return end
  local moments = self.moments
  add(moments, requests, prompt_tokens, output_tokens)
  if prompt_tokens == 0 or output_tokens == 0 then return end
  local size = floor(self.compute(self, moments.prompt + moments.output, deviation(moments)))
  if size > self.max then size = self.max end
  self.size = size < self.min and self.min or size
end

-- decoding: N_decode of this replica; the limit is never below what it already decodes.
local function batch_size(self, decoding)
  if decoding and decoding > self.size then return math.min(decoding, self.max) end
  return self.size
end

-- options: rule ("exact", "linear", "margin", or "off"), capacity (tokens; math.huge: no limit from memory), overflow
-- (eps_M, 0.05), margin (0.1), period (batches between two buffers of "linear", 64), min (1) and max (128) requests.
-- Before the first observation the limit is max: the pool itself refuses what does not fit.
function memory.limit(options)
  local rule, max = options.rule or "exact", options.max or 128
  assert(rule == "off" or RULES[rule], "memory.limit: rule must be exact, linear, margin or off")
  return {
    compute = RULES[rule], capacity = options.capacity, limited = rule ~= "off" and options.capacity < math.huge,
    theta = memory.quantile(1 - (options.overflow or 0.05)), margin = options.margin or 0.1,
    period = options.period or 64, L0 = 0, min = options.min or 1, max = max, size = max,
    moments = memory.moments(), observe = observe, batch_size = batch_size,
  }
end

return memory
