-- Read a file through the io library.
-- expect: 'io' is not available to policies
-- exit: 2
local secrets = io.open("/etc/passwd")
return { schedule = function() return secrets end }
