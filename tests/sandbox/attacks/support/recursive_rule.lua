local shared = require "support.shared"
return function(lengths, k)
  return shared.sim:bins{ rule = "support/recursive_rule.lua", count = k }
end
