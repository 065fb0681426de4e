-- SPDX-License-Identifier: MIT
-- Makes the two sample files of this folder: lua5.4 data/make_samples.lua [folder]
-- Synthetic, from published statistics only (see README.md). The same bytes on every run.

local folder = arg[1] or "data"

-- ---- random numbers: xorshift64* (Vigna 2016), one stream per purpose

local function new_stream(seed)
  local state = seed
  local function uniform() -- on (0, 1)
    state = state ~ (state >> 12)
    state = state ~ (state << 25)
    state = state ~ (state >> 27)
    return (((state * 0x2545F4914F6CDD1D) >> 11) + 0.5) * 2.0 ^ -53
  end
  for _ = 1, 20 do uniform() end
  return uniform
end

local function shuffle(list, uniform)
  for i = #list, 2, -1 do
    local j = math.floor(uniform() * i) + 1
    list[i], list[j] = list[j], list[i]
  end
end

local function normal(uniform)
  return math.sqrt(-2 * math.log(uniform())) * math.cos(2 * math.pi * uniform())
end

-- Gamma(1/2) with mean 1 is the square of a normal: gaps with a coefficient of variation of sqrt(2).
local function gamma_half(uniform)
  return normal(uniform) ^ 2
end

-- Inverse of the normal distribution function (Acklam's rational approximation, relative error below 1.2e-9).
local function normal_quantile(p)
  local a = { -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
    1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00 }
  local b = { -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
    6.680131188771972e+01, -1.328068155288572e+01 }
  local c = { -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
    -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00 }
  local d = { 7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00 }
  local function tail(q)
    return (((((c[1] * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) * q + c[6])
      / ((((d[1] * q + d[2]) * q + d[3]) * q + d[4]) * q + 1)
  end
  if p < 0.02425 then return tail(math.sqrt(-2 * math.log(p))) end
  if p > 1 - 0.02425 then return -tail(math.sqrt(-2 * math.log(1 - p))) end
  local q = p - 0.5
  local r = q * q
  return (((((a[1] * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * r + a[6]) * q
    / (((((b[1] * r + b[2]) * r + b[3]) * r + b[4]) * r + b[5]) * r + 1)
end

-- ---- lengths

-- `count` lengths with the given median, 95th percentile and mean: evenly spaced quantiles of a log-normal whose
-- logarithm has another slope above the 95th percentile; that slope is what sets the mean.
local function make_lengths(count, published)
  local z95 = normal_quantile(0.95)
  local slope = math.log(published.p95 / published.p50) / z95
  local function lengths_for(tail_slope)
    local list, sum = {}, 0
    for i = 1, count do
      local z = normal_quantile((i - 0.5) / count)
      local log = math.log(published.p50) + slope * math.min(z, z95) + tail_slope * math.max(z - z95, 0)
      local length = math.floor(math.exp(log) + 0.5)
      list[i] = math.min(math.max(length, 1), published.max)
      sum = sum + list[i]
    end
    return list, sum / count
  end
  local low, high = 0, 4
  for _ = 1, 60 do
    local middle = (low + high) / 2
    local _, mean = lengths_for(middle)
    if mean < published.mean then low = middle else high = middle end
  end
  return (lengths_for(high))
end

-- ---- arrivals

local ROWS, RATE = 55000, 1000 / 3600 -- requests, requests per second on average
local SHUFFLED = { 50000, 5000 } -- lengths are shuffled within each of these stretches
local SPELL, SIGMA = 600, 0.8 -- s; of the logarithm of a spell's rate

-- Arrival times, s: Gamma(1/2) gaps, squeezed in busy spells and stretched in quiet ones. The rate of each spell is drawn by
-- itself, so stretches of the file have no burst in common and can stand for replications.
local function make_arrivals(bursts, gaps)
  local times, spell, before, position = {}, 0, 0, 0
  local function draw() return SPELL * RATE * math.exp(SIGMA * normal(bursts) - SIGMA ^ 2 / 2) end
  local requests = draw()
  for i = 1, ROWS do
    position = position + gamma_half(gaps)
    while position > before + requests do
      before, spell = before + requests, spell + 1
      requests = draw()
    end
    times[i] = math.floor((spell + (position - before) / requests) * SPELL)
  end
  for i = ROWS, 1, -1 do times[i] = times[i] - times[1] end
  return times
end

local function write_burst_sample(path)
  local bursts, gaps, lengths, kinds = new_stream(20230906), new_stream(20230907), new_stream(611251), new_stream(84715)
  local file = assert(io.open(path, "wb"))
  file:write("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n")
  -- Shuffled over long stretches, so that windows differ by chance, as independent samples would.
  local prompts, outputs = {}, {}
  for _, rows in ipairs(SHUFFLED) do
    local some_prompts = make_lengths(rows, { mean = 611, p50 = 251, p95 = 2461, max = 29665 })
    local some_outputs = make_lengths(rows, { mean = 123, p50 = 34, p95 = 460, max = 7315 })
    shuffle(some_prompts, lengths)
    shuffle(some_outputs, lengths)
    table.move(some_prompts, 1, rows, #prompts + 1, prompts)
    table.move(some_outputs, 1, rows, #outputs + 1, outputs)
  end
  local times = make_arrivals(bursts, gaps)
  for i = 1, ROWS do
    local model = kinds() < 0.847 and "ChatGPT" or "GPT-4"
    local log = kinds() < 0.896 and "API log" or "Conversation log"
    file:write(string.format("%d,%s,%d,%d,%d,%s\n", times[i], model, prompts[i], outputs[i], prompts[i] + outputs[i], log))
  end
  assert(file:close())
end

-- ---- the latency grid

local function write_latency_grid(path)
  local alpha, beta, gamma = 0.05965, 0.005742, 0.316 -- s, s per token, 1
  local file = assert(io.open(path, "wb"))
  file:write("batch_size,max_seq_len,mean_latency_sec,std_latency_sec,num_trials\n")
  for _, b in ipairs({ 1, 2, 4, 8, 16, 32 }) do
    for _, l in ipairs({ 128, 256, 512, 1024, 2048 }) do
      file:write(string.format("%d,%d,%.12f,0,0\n", b, l, alpha + beta * l * (1 + gamma * (b - 1) / b)))
    end
  end
  assert(file:close())
end

write_burst_sample(folder .. "/burst_sample.csv")
write_latency_grid(folder .. "/qwen3_1_7b_latency_grid.csv")
