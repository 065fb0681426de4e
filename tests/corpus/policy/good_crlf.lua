return { schedule = function() end }
