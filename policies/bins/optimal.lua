-- Optimal: the edges that minimise the mean length that a full batch is padded to, sum over bins of
-- P(bin) E[longest of B | bin], B = options.batch_size (default 8). With batches formed per bin this maximises the
-- throughput at saturation, for any distribution of lengths and any time that is affine in the longest length.
-- Source: the objective of Guldogan et al., arXiv 2412.04504, 2024, eq. for E[t_k]; solved here by dynamic programming over
-- the sorted distinct lengths v_1 < v_2 < ... with masses from the sample. Of the bin v_a .. v_b, with P the mass,
--   E[longest of B] = v_b - R(a, b),  R(a, b) = sum over j = a .. b - 1 of (v_{j+1} - v_j) (P(v_a .. v_j) / P(v_a .. v_b))^B
-- and R(a, b + 1) = (R(a, b) + v_{b+1} - v_b) (P(v_a .. v_b) / P(v_a .. v_{b+1}))^B: one power per pair.
-- Exact up to 400 distinct lengths; beyond, edges may only fall on about 400 of them, half spread evenly by mass and half
-- by value (so that a thin tail can be cut too), while the cost is still that of all lengths.
local MOST_CUTS = 400

-- Distinct values and cumulative counts: cumulative[j] lengths are <= value[j]; cumulative[0] = 0.
local function distinct(lengths)
  local value, cumulative, m = {}, { [0] = 0 }, 0
  for i = 1, #lengths do
    if lengths[i] ~= value[m] then m, value[m + 1] = m + 1, lengths[i] end
    cumulative[m] = i
  end
  return value, cumulative, m
end

-- Indices of values at which a bin may begin: ascending, the first is 1; after them m + 1, the end.
local function cuts(value, cumulative, m)
  local at, by_mass, by_value = {}, 0, 0
  for j = 1, m do
    local mass = math.floor(cumulative[j - 1] / cumulative[m] * MOST_CUTS / 2)
    local place = math.floor((value[j] - value[1]) / (value[m] - value[1] + 1e-300) * MOST_CUTS / 2)
    if m <= MOST_CUTS or j == 1 or mass > by_mass or place > by_value then at[#at + 1] = j end
    by_mass, by_value = mass, place
  end
  at[#at + 1] = m + 1
  return at
end

-- cost[a][c]: mass x E[longest of B] of the bin from cut a to before cut c.
local function costs(value, cumulative, at, batch)
  local cost = {}
  for a = 1, #at - 1 do
    local row, r, c, before = {}, 0, a + 1, cumulative[at[a] - 1]
    for j = at[a], at[#at] - 1 do
      if j > at[a] then
        local ratio = (cumulative[j - 1] - before) / (cumulative[j] - before)
        r = (r + value[j] - value[j - 1]) * ratio ^ batch
      end
      if j + 1 == at[c] then row[c], c = (cumulative[j] - before) * (value[j] - r), c + 1 end
    end
    cost[a] = row
  end
  return cost
end

return function(lengths, k, options)
  local value, cumulative, m = distinct(lengths)
  local at = cuts(value, cumulative, m)
  local cost = costs(value, cumulative, at, options and options.batch_size or 8)
  local ends, bins = #at, math.min(k, #at - 1)
  local best, choice = cost[1], {} -- best[c]: least cost of what lies before cut c, with as many bins as the round says
  for i = 2, bins do
    local next_best, from = {}, {}
    for c = i + 1, ends do
      local least, where = math.huge, nil
      for a = i, c - 1 do
        local sum = best[a] + cost[a][c]
        if sum < least then least, where = sum, a end
      end
      next_best[c], from[c] = least, where
    end
    best, choice[i] = next_best, from
  end
  local edges, c = {}, ends
  for i = bins, 2, -1 do
    c = choice[i][c]
    edges[i - 1] = value[at[c]]
  end
  for i = #edges + 1, k - 1 do edges[i] = edges[#edges] or value[m] end -- fewer lengths than bins: equal edges merge
  return edges
end
