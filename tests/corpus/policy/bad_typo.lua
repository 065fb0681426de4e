return { shedule = function() end, init = function() end }
