-- A module that requires itself.
-- expect: "support.itself" requires itself
-- exit: 2
require "support.itself"
return { schedule = function() end }
