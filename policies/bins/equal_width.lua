-- Equal width: the range from the shortest to the longest length in the sample, cut into k equal parts.

return function(lengths, k)
  local edges = {}
  local low, high = lengths[1], lengths[#lengths]
  for i = 1, k - 1 do edges[i] = low + (high - low) * i / k end
  return edges
end
