-- A name that ends early for C.
-- expect: is not a module's name
-- exit: 2
require "support.itself\0../../x"
