-- What the comparisons with measurements share: the data's folder, which a clone lacks, and figures of a list.

local tap = require "tap"

local data = {}

-- The folder, with a slash, that has this file; where none has, the test named `title` is skipped.
function data.folder(title, name)
  local own = os.getenv("MBSAND_DATA")
  for _, folder in ipairs { own and own ~= "" and own .. "/" or "data/", "data/", "../shared/data/" } do
    local file = io.open(folder .. name)
    if file then
      file:close()
      return folder
    end
  end
  tap.skip(title, ("no %s in ../shared/data or $MBSAND_DATA"):format(name))
  tap.done()
end

local function percentile(sorted, share)
  local rank = 1 + (#sorted - 1) * share
  local low = math.floor(rank)
  return sorted[low] + (rank - low) * ((sorted[low + 1] or sorted[low]) - sorted[low])
end

-- Mean, p50, p90 and p99; sorts the values.
function data.summary(values)
  local sum = 0
  for _, value in ipairs(values) do sum = sum + value end
  table.sort(values)
  return { sum / #values, percentile(values, 0.5), percentile(values, 0.9), percentile(values, 0.99) }
end

return data
