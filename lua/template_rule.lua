-- NAME: one sentence that says where the bins are cut.
-- Try it:  mbsand scenarios/burst.lua --policy multi_bin_dynamic,rule=./NAME.lua

-- lengths: a sorted sample of those that are to come; k: the number of bins; returned are k - 1 ascending bounds, where
-- bin i holds the lengths from bound i - 1 to below bound i.
return function(lengths, k)
  local edges, longest = {}, lengths[#lengths]
  for i = 1, k - 1 do edges[i] = longest * (i / k) ^ 2 end -- narrow bins for short lengths
  return edges
end
