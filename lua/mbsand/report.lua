-- Helpers for a scenario's report(results): aligned tables, and numbers with their confidence intervals.
local report = {}

-- Width on the screen: UTF-8 continuation bytes take no room.
local function width(text)
  local _, continuation = text:gsub("[\128-\191]", "")
  return #text - continuation
end

local function pad(text, size, right)
  local space = (" "):rep(size - width(text))
  return right and space .. text or text .. space
end

-- A number with `digits` significant ones, without an exponent where it can be read without.
function report.number(value, digits)
  digits = digits or 4
  if value == nil or value ~= value then return "-" end
  if value == 0 then return "0" end
  local size = math.floor(math.log(math.abs(value)) / math.log(10) + 1e-12)
  if size >= 15 or size < -6 then return (string.format("%." .. digits - 1 .. "e", value)) end
  local decimals = math.max(digits - 1 - size, 0)
  return (string.format("%." .. decimals .. "f", value))
end

function report.fixed(value, decimals)
  if value == nil or value ~= value then return "-" end
  return (string.format("%." .. decimals .. "f", value))
end

-- "12.3 ± 0.4" of a row's measure; scale: 100 for per cent.
function report.interval(row, measure, digits, scale)
  local mean, half = row.mean[measure], row.ci[measure]
  scale = scale or 1
  if not mean then return "-" end
  local text = report.number(mean * scale, digits)
  if not half then return text end
  local decimals = #(text:match("%.(%d*)$") or "")
  return text .. " ± " .. report.fixed(half * scale, decimals)
end

-- Student's t, 97.5 % point, by degrees of freedom; the normal's beyond the table.
local T = { 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
  2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042 }

-- How much larger a measure is in row a than in row b, as a share of b's mean, paired by seed: the mean, its 95 % half
-- width, and whether that excludes zero (nil where a single seed has no interval).
function report.difference(a, b, measure)
  local sum, squares, n = 0, 0, 0
  for i, run in ipairs(a.values) do
    local other = b.values[i]
    if run[measure] and other and other[measure] then
      local d = run[measure] - other[measure]
      sum, squares, n = sum + d, squares + d * d, n + 1
    end
  end
  local mean, base = sum / n, b.mean[measure]
  if n < 2 or not base or base == 0 then return mean / (base or 1), nil, nil end
  local half = (T[n - 1] or 1.96) * math.sqrt(math.max(0, squares - n * mean * mean) / (n - 1) / n)
  return mean / base, half / math.abs(base), math.abs(mean) > half
end

-- "17 % lower than fcfs", or "no real difference from fcfs", for a measure of row a against row b.
function report.against(a, b, measure, name)
  local share, _, real = report.difference(a, b, measure)
  if not real then return "no real difference from " .. (name or b.policy) end
  if share >= 1 then return ("%.3g times that of %s"):format(1 + share, name or b.policy) end
  return ("%.3g %% %s than %s"):format(100 * math.abs(share), share < 0 and "lower" or "higher", name or b.policy)
end

-- Print rows (arrays of cells) under a header; numbers and the cells of all but the first column stand to the right.
function report.print_table(header, rows)
  local sizes, cells = {}, { header }
  for i, row in ipairs(rows) do
    local line = {}
    for j = 1, #header do
      local cell = row[j]
      line[j] = type(cell) == "number" and report.number(cell) or cell == nil and "-" or tostring(cell)
    end
    cells[i + 1] = line
  end
  for _, line in ipairs(cells) do
    for j, cell in ipairs(line) do sizes[j] = math.max(sizes[j] or 0, width(cell)) end
  end
  for i, line in ipairs(cells) do
    local parts = {}
    for j, cell in ipairs(line) do parts[j] = pad(cell, sizes[j], j > 1) end
    print((table.concat(parts, "  "):gsub("%s+$", "")))
    if i == 1 then
      for j, size in ipairs(sizes) do parts[j] = ("-"):rep(size) end
      print(table.concat(parts, "  "))
    end
  end
end

-- The row of a policy at a point, as in find(results, "static_fifo", { ["cluster.gpus"] = 4 }).
function report.find(results, policy, point)
  for _, row in ipairs(results) do
    local same = row.policy == policy
    for key, value in pairs(point or {}) do same = same and row.point[key] == value end
    if same then return row end
  end
end

-- The values that a swept key takes, in order of appearance.
function report.values(results, key)
  local list, seen = {}, {}
  for _, row in ipairs(results) do
    local value = row.point[key]
    if value ~= nil and not seen[value] then
      seen[value] = true
      list[#list + 1] = value
    end
  end
  return list
end

-- A grid of one measure: rows one swept key, columns another.
function report.print_grid(results, policy, down, across, measure, format)
  local header = { down .. " \\ " .. across }
  local columns = report.values(results, across)
  for i, value in ipairs(columns) do header[i + 1] = string.format("%.10g", value) end
  local rows = {}
  for _, value in ipairs(report.values(results, down)) do
    local line = { string.format("%.10g", value) }
    for i, column in ipairs(columns) do
      local row = report.find(results, policy, { [down] = value, [across] = column })
      line[i + 1] = row and format(row.mean[measure]) or "-"
    end
    rows[#rows + 1] = line
  end
  report.print_table(header, rows)
end

return report
