-- Switch the compiler on, which ignores hooks.
-- expect: 'jit' is not available to policies
-- exit: 2
jit.on()
return { schedule = function() while true do end end }
