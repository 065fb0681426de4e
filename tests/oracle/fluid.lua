-- KV memory on a wire, as a fluid: when each of some transfers is through.
--
--   local through = require "fluid"
--   through[share](list)   list: { start =, work = seconds alone, gone = when it was given up (nil: never) }, in order of start

local through = {}

function through.none(list)
  for _, transfer in ipairs(list) do transfer.through = transfer.start + transfer.work end
end

function through.fifo(list)
  local free = 0
  for _, transfer in ipairs(list) do
    local start = math.max(free, transfer.start)
    transfer.through = start + transfer.work
    free = transfer.through
    if transfer.gone and transfer.gone < free then free = math.max(start, transfer.gone) end
    if transfer.gone and transfer.gone < start then free = start end
  end
end

-- Water flows in equal parts to all that are there; from each start and end to the next.
function through.fair(list)
  local on, next_one, now = {}, 1, 0
  while next_one <= #list or #on > 0 do
    local ends = math.huge
    for _, transfer in ipairs(on) do ends = math.min(ends, now + transfer.left * #on, transfer.gone or math.huge) end
    local starts = list[next_one] and list[next_one].start or math.huge
    local at = math.min(starts, ends)
    for _, transfer in ipairs(on) do transfer.left = transfer.left - (at - now) / #on end
    now = at
    for i = #on, 1, -1 do
      if on[i].left <= 1e-13 or (on[i].gone or math.huge) <= now then
        on[i].through = now
        table.remove(on, i)
      end
    end
    if starts <= now then
      list[next_one].left = list[next_one].work
      table.insert(on, list[next_one])
      next_one = next_one + 1
    end
  end
end

return through
