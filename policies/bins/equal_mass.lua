-- Equal mass: the same number of requests in each bin.
-- Optimal for uniform lengths (Guldogan et al., arXiv 2412.04504, 2024, Lemma 4.1), not in general: see optimal.lua.

return function(lengths, k)
  local edges, n = {}, #lengths
  for i = 1, k - 1 do
    edges[i] = lengths[math.min(math.floor(n * i / k) + 1, n)] -- the first length of the next bin
  end
  return edges
end
