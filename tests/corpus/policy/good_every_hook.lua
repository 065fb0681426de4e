local P = { params = { on = true, name = "x", many = { 1 }, size = 2 } }
for _, hook in ipairs{ "init", "arrive", "schedule", "stepped", "finish" } do
  P[hook] = function() end
end
return P
