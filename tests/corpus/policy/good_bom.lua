return { schedule = function() end }
