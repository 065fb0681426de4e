-- luacheck: ignore
return { schedule = undefined_function }
