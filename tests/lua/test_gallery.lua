-- docs/gallery.md has every bundled scenario, and what each prints (docs/gallery/make.lua says how that is looked at).
package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"

local pipe = assert(io.popen((arg[-1] or "lua5.4") .. " docs/gallery/make.lua --check 2>&1"))
local said = pipe:read("*a")
pipe:close()
tap.equal(said, "", "the gallery shows every scenario, and what it prints")

tap.done()
