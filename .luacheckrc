-- luacheck's settings: the code runs under Lua 5.4 and LuaJIT, so only what both have is standard.
std = "max"
max_line_length = 128
self = false -- a hook need not use self
unused_args = false -- nor its other arguments

-- What a policy's sandbox offers, and nothing else.
local sandbox = {
  std = {
    read_globals = {
      "assert", "error", "ipairs", "next", "pairs", "select", "tonumber", "tostring", "type", "rawequal", "rawget",
      "rawlen", "rawset", "print", "require",
      math = { fields = { "abs", "ceil", "floor", "max", "min", "sqrt", "exp", "log", "fmod", "huge", "pi", "random" } },
      table = { fields = { "insert", "remove", "sort", "concat", "unpack" } },
      string = { fields = { "byte", "char", "find", "format", "len", "lower", "upper", "sub", "rep" } },
    },
  },
}
files["policies"] = sandbox
for _, name in ipairs{ "batch_limit", "chunk", "ewma", "lanes", "memory", "origin", "sla" } do -- modules that policies require
  files["lua/mbsand/" .. name .. ".lua"] = sandbox
end

local scenario = { -- the words of a scenario
  std = "max",
  read_globals = { "scenario", "trace", "synthetic", "requests", "origin_requests", "arrivals", "lengths", "predict", "latency", "skip", "locate", "root", "plan" },
}
files["scenarios"] = scenario
files["tests/corpus/tables"] = scenario
files["lua/template_scenario.lua"] = scenario
files["lua/template_test.lua"] = scenario
files["lua/mbsand/plan_capacity.lua"] = scenario
files["lua/mbsand/plan_pages.lua"] = scenario
files["tests/bench"] = scenario
files["tests/corpus/scenario"] = scenario
exclude_files = { "lua/meta" } -- annotations only: nothing there runs
