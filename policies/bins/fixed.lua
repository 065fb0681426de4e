-- Fixed: the edges given as the option `edges`, k - 1 ascending exclusive upper bounds; the sample is not looked at.

return function(_, k, options)
  local given = options and options.edges or {}
  assert(not k or #given == k - 1, "rule fixed: " .. #given .. " edges for " .. tostring(k) .. " bins")
  local edges = {}
  for i = 1, #given do
    assert(i == 1 or given[i - 1] <= given[i], "rule fixed: edges must ascend")
    edges[i] = given[i]
  end
  return edges
end
