return { params = 1, schedule = function() end }
