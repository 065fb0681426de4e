-- For the comparisons of the program with the second simulators: random numbers, files of scenarios, running the program,
-- reading what it wrote.

local program = {}

program.path = os.getenv("MBSAND") or os.getenv("PWD") .. "/build/mbsand"
program.tolerance = 1e-9

-- Park & Miller's generator: the same numbers under every Lua. uniform(), whole(low, high), pick(list), chance(p).
function program.random(seed)
  local state = seed * 7919 % 2147483647
  local random = {}
  function random.uniform()
    state = state * 48271 % 2147483647
    return state / 2147483647
  end
  function random.whole(low, high) return low + math.floor(random.uniform() * (high - low + 1)) end
  function random.pick(list) return list[random.whole(1, #list)] end
  function random.chance(p) return random.uniform() < p end
  return random
end

function program.sorted_keys(map)
  local keys = {}
  for key in pairs(map) do table.insert(keys, key) end
  table.sort(keys)
  return keys
end

function program.number(value) return string.format("%.17g", value) end

-- A value as Lua source.
function program.literal(value)
  if type(value) == "table" then
    local parts = {}
    for i, v in ipairs(value) do parts[i] = program.literal(v) end
    for _, key in ipairs(#value == 0 and program.sorted_keys(value) or {}) do
      table.insert(parts, key .. " = " .. program.literal(value[key]))
    end
    local meta = getmetatable(value) -- of a constructor: { word = "latency.step" }
    return (meta and meta.word .. " " or "") .. "{ " .. table.concat(parts, ", ") .. " }"
  end
  if type(value) == "string" then return string.format("%q", value) end
  return type(value) == "number" and program.number(value) or tostring(value)
end

function program.write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

function program.temporary_folder()
  local pipe = assert(io.popen("mktemp -d"))
  local folder = pipe:read("*l")
  pipe:close()
  return assert(folder, "mktemp -d gave no folder")
end

-- folder/scenario.lua to folder/out. A policy all of whose requests are rejected fails; its dump is there all the same.
-- No `dumps`: none.
function program.run(folder, dumps)
  os.execute(string.format("%s run '%s/scenario.lua' --quiet --jobs 1 --format csv %s --out '%s/out'"
    .. " > '%s/stdout' 2> '%s/stderr'",
    program.path, folder, dumps and "--dump " .. dumps or "", folder, folder, folder))
end

-- Rows of a CSV by column name, as text; nil if there is no such file.
function program.read_table(path)
  local file = io.open(path) or io.open(path .. ".part") -- what a policy left that failed, since all was rejected
  if not file then return nil end
  local names, rows = nil, {}
  for line in file:lines() do
    local cells = {}
    for cell in (line .. ","):gmatch("([^,]*),") do table.insert(cells, cell) end
    if not names then
      names = cells
    else
      local row = {}
      for i, name in ipairs(names) do row[name] = cells[i] end
      table.insert(rows, row)
    end
  end
  file:close()
  return rows
end

function program.lines(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

function program.read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

-- A summary in CSV without the columns that a clock measured.
function program.untimed_summary(path)
  local drop, rows = {}, {}
  for line in io.lines(path) do
    local cells, i = {}, 0
    local plain = line:gsub('"[^"]*"', function(quoted) return (quoted:gsub(",", ";")) end)
    for cell in (plain .. ","):gmatch("([^,]*),") do
      i = i + 1
      if #rows == 0 and cell:find("^sim_") then drop[i] = true end
      if not drop[i] then cells[#cells + 1] = cell end
    end
    rows[#rows + 1] = table.concat(cells, ",")
  end
  return table.concat(rows, "\n")
end

-- A cell and a number, or an empty cell and nil.
function program.same(text, value)
  local got = tonumber(text)
  if got == nil or value == nil then return got == nil and value == nil end
  return got == value or math.abs(got - value) <= program.tolerance * math.max(1, math.abs(value))
end

return program
