-- Requests of a CSV with a header, columns by name; for tests only.

local csv = {}

local NAMES = {
  id = "id", arrival = "arrival", arrival_s = "arrival", prompt = "prompt", prompt_tokens = "prompt", output = "output",
  output_tokens = "output", predicted = "predicted", predicted_output = "predicted", service = "service",
  service_s = "service", priority = "priority", client = "client", session = "session",
  max_output = "max_output",
}

-- nil when the file is absent. Order of arrival; equal times keep the order of the file.
function csv.read(path)
  local file = io.open(path)
  if not file then return nil end
  local fields, requests
  for line in file:lines() do
    local row, i = {}, 0
    for cell in (line:gsub("\r$", "") .. ","):gmatch("([^,]*),") do
      i = i + 1
      if fields then row[fields[i] or "other"] = tonumber(cell) else row[i] = NAMES[cell] or "other" end
    end
    if fields then table.insert(requests, row) else fields, requests = row, {} end
  end
  file:close()
  for i, row in ipairs(requests) do
    row.line = i
    row.id = row.id or i - 1
    row.prompt, row.output = row.prompt or 0, row.output or 0
    row.predicted = row.predicted or row.output
  end
  table.sort(requests, function(a, b)
    if a.arrival ~= b.arrival then return a.arrival < b.arrival end
    return a.line < b.line
  end)
  return requests
end

-- Any CSV without quoted cells: rows by the header's names, as texts; nil when the file is absent.
function csv.rows(path)
  local file = io.open(path)
  if not file then return nil end
  local names, rows
  for line in file:lines() do
    local cells = {}
    for cell in (line:gsub("\r$", "") .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
    if names then
      local row = {}
      for i, name in ipairs(names) do row[name] = cells[i] end
      rows[#rows + 1] = row
    else
      names, rows = cells, {}
    end
  end
  file:close()
  return rows
end

return csv
