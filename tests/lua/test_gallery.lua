-- docs/gallery.md has every bundled scenario, and what each prints (docs/gallery/make.lua says how that is looked at).
package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"

local MBSAND = os.getenv("MBSAND") or "build/mbsand"
local pipe = assert(io.popen(("MBSAND='%s' lua5.4 docs/gallery/make.lua --check 2>&1"):format(MBSAND)))
local said = pipe:read("*a")
pipe:close()
tap.equal(said, "", "the gallery shows every scenario, and what it prints")

tap.done()
