-- The real library by its name.
-- expect: io.lua: cannot be read
-- exit: 2
require("io").write("x")
