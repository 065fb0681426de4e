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

-- Three significant digits at most, and no exponent: "17", "0.53", "1234".
function report.digits(value)
  return (string.format(math.abs(value) >= 999.5 and "%.0f" or "%.3g", value))
end

function report.fixed(value, decimals)
  if value == nil or value ~= value then return "-" end
  return (string.format("%." .. decimals .. "f", value))
end

-- The level of a row's measure with its interval: "12.3 ± 0.4" where its arms differ by less than a fifth (the longer one),
-- else "37 (4..340)"; scale: 100 for per cent.
function report.interval(row, measure, digits, scale)
  local level, low, high = row.level[measure], row.low[measure], row.high[measure]
  scale = scale or 1
  if not level then return "-" end
  local text = report.number(level * scale, digits)
  if not low or high - low < 1e-6 * math.abs(level) then return text end
  local decimals = #(text:match("%.(%d*)$") or "")
  local below, above = (level - low) * scale, (high - level) * scale
  if math.min(below, above) >= 0.8 * math.max(below, above) then
    return text .. " ± " .. report.fixed(math.max(below, above), decimals)
  end
  return ("%s (%s..%s)"):format(text, report.number(low * scale, 2), report.number(high * scale, 2))
end

-- Row a against row b, paired by seed: { pairs, ratio = a / b, low, high, p, real }; for shares, and where there are zeros,
-- `difference` = a - b instead of `ratio`. low, high (95 % interval), p and real are nil where a single seed has no interval.
function report.compare(a, b, measure)
  return a:compare(b, measure)
end

-- "-17 % (-22..-12)" of a comparison; shares in points.
function report.change(found)
  local function text(value)
    local percent = found.ratio and 100 * (value - 1) or 100 * value
    return (math.abs(percent) > 99 and percent < 0 and "%+.4g" or "%+.3g"):format(percent)
  end
  local size = found.ratio or found.difference
  if not size then return "-" end
  local unit = found.ratio and " %" or " points"
  if not found.low or found.high - found.low < 1e-9 then return text(size) .. unit end
  return ("%s%s (%s..%s)"):format(text(size), unit, text(found.low), text(found.high))
end

-- "17 % lower than fcfs", or "no real difference from fcfs", for a measure of row a against row b.
function report.against(a, b, measure, name)
  local found = report.compare(a, b, measure)
  name = name or b.policy
  if not found.real then return "no real difference from " .. name end
  local ratio = found.ratio
  if ratio and ratio >= 2 then return ("%s times that of %s"):format(report.digits(ratio), name) end
  local change = ratio and ratio - 1 or found.difference
  return ("%s %s %s than %s"):format(report.digits(100 * math.abs(change)), ratio and "%" or "points",
    change < 0 and "lower" or "higher", name)
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
