-- Geometric: each bin is wider than the one before by the same factor, so that the padding is bounded as a fraction of
-- the length. For lengths over several orders of magnitude. Lengths below 1 count as 1.

return function(lengths, k)
  local edges = {}
  local low, high = math.max(lengths[1], 1), math.max(lengths[#lengths], 1)
  for i = 1, k - 1 do edges[i] = low * (high / low) ^ (i / k) end
  return edges
end
