-- Circles between files of src: none may be. NAME.c and NAME.h are one file here. A file leads to those whose headers it
-- includes, and to those that define the functions and values it names, in whatever header these are declared.
--   lua5.4 tests/circles.lua        from the repository root; prints every circle, nothing where there is none

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local paths, texts = lines_of("ls src/*/*.c src/*/*.h"), {}
local function file_of(path) return (path:gsub("^src/", ""):gsub("%.[ch]$", "")) end

-- Comments and texts name things without using them.
local function code_of(path)
  local file = assert(io.open(path))
  local text = file:read("a"):gsub("//[^\n]*", ""):gsub('\\"', "")
  file:close()
  return (text:gsub("[^\n]*", function(line)
    return line:find("^#include") and line or line:gsub('"[^"]*"', '""')
  end))
end

local home = {} -- of each name that other files may use
for _, path in ipairs(paths) do
  texts[path] = code_of(path)
  for line in (path:find("%.c$") and texts[path] or ""):gmatch("%f[^\n\0](%l[^\n;]*)") do
    local name = not line:find("^static ") and not line:find("^extern ")
      and (line:match("[ *](mb_[%w_]+)%(") or line:match("[ *](mb_[%w_]+)%[?[%w_]*%]? ="))
    if name then home[name] = file_of(path) end
  end
end

local arrows, files = {}, {}
for _, path in ipairs(paths) do
  local from = file_of(path)
  if not arrows[from] then arrows[from], files[#files + 1] = {}, from end
  for header in texts[path]:gmatch('#include "([%w_/]+)%.h"') do
    if header ~= from then arrows[from][header] = '#include "' .. header .. '.h"' end
  end
  for name in (path:find("%.c$") and texts[path] or ""):gmatch("%f[%w_]mb_[%w_]+") do
    local to = home[name]
    if to and to ~= from and not arrows[from][to] then arrows[from][to] = name end
  end
end

-- Tarjan 1972: files that lead to each other.
local index, low, stack, on_stack, count = {}, {}, {}, {}, 0
local function visit(file)
  count = count + 1
  index[file], low[file] = count, count
  stack[#stack + 1], on_stack[file] = file, true
  for to in pairs(arrows[file] or {}) do
    if not index[to] then
      visit(to)
      low[file] = math.min(low[file], low[to])
    elseif on_stack[to] then
      low[file] = math.min(low[file], index[to])
    end
  end
  if low[file] ~= index[file] then return end
  local circle = {}
  repeat
    local member = table.remove(stack)
    on_stack[member] = nil
    table.insert(circle, member)
  until member == file
  if #circle == 1 then return end
  table.sort(circle)
  print("circle of " .. table.concat(circle, ", "))
  for _, from in ipairs(circle) do
    for _, to in ipairs(circle) do
      if arrows[from][to] then print(("  %s -> %s: %s"):format(from, to, arrows[from][to])) end
    end
  end
end
for _, file in ipairs(files) do
  if not index[file] then visit(file) end
end
