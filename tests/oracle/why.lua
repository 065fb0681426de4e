-- Where the time of each request went (docs/models.md), slice by slice: whenever the clock goes on, every request is asked what
-- it spends its time in.
--
--   why.begin(record); why.slice(record, from, to)
--   replica.span (of a step), record.span (of a batch of a pipeline): what is under way for whom, of why.step, why.flight
--   why.lose(record): what it had computed is computed again;  why.waste(record): what it had generated is thrown away

local why = { PARTS = { "waiting", "prefill", "decode", "stalled", "again", "moved", "aside", "padding" } }

local function zeros()
  local parts = {}
  for _, name in ipairs(why.PARTS) do parts[name] = 0 end
  return parts
end

function why.begin(record) record.parts, record.lost = zeros(), 0 end

local function copy(parts)
  local other = {}
  for name, seconds in pairs(parts) do other[name] = seconds end
  return other
end

-- Of the tokens that are computed the share that had been computed before.
local function again(record, computed, tokens) return math.min(1, math.max(0, record.lost - computed) / tokens) end

-- A step: `moved` s of it blocks are moved; then, if there are prompts in it or its group, the decodes alone take `alone` s.
function why.step(run, running, start, moved, prompts, alone)
  local span = { start = start, moved = moved, rows = {}, before = {}, lost = {} }
  for _, record in ipairs(running) do
    span.rows[record] = { part = "aside", own = prompts and alone or math.huge, again = 0 }
    span.before[record], span.lost[record] = copy(record.parts), "aside"
  end
  for _, row in ipairs(run.rows) do
    local record = row.record
    span.rows[record] = row.decode and { part = "decode", own = prompts and alone or math.huge, again = 0 }
      or { part = "prefill", own = math.huge, again = again(record, record.computed, row.tokens) }
    span.lost[record] = "again"
  end
  return span
end

-- A batch of a pipeline, which takes `work` s on all stages, its decodes alone `alone` s.
function why.flight(batch, start, work, alone)
  local span = { start = start, moved = 0, rows = {}, before = {}, lost = {} }
  for _, row in ipairs(batch.rows) do
    local record = row.record
    span.rows[record] = row.decode and { part = "decode", own = alone, again = 0 }
      or { part = "prefill", own = work, again = again(record, record.computed, row.tokens) }
    record.span, span.before[record], span.lost[record] = span, copy(record.parts), "again"
  end
end

local function between(from, to, low, high) return math.max(0, math.min(to, high) - math.max(from, low)) end

function why.slice(record, from, to)
  local parts = record.parts
  local function spend(part, seconds) parts[part] = parts[part] + seconds end
  if record.state ~= "running" then
    local moved = record.state == "swapped" or record.state == "moving"
    return spend(not record.start and "waiting" or moved and "moved" or "aside", to - from)
  end
  local span = record.span or record.home.span
  if not span then return spend("aside", to - from) end
  if span.static then return end -- is known at its end
  local row, moved = span.rows[record], span.start + span.moved
  local own = between(from, to, moved, moved + row.own)
  spend("moved", between(from, to, span.start, moved))
  spend(row.part, own * (1 - row.again))
  spend("again", own * row.again)
  spend("stalled", between(from, to, moved + row.own, math.huge))
end

-- A static batch is over, of which so much would have been its own, and up to its first token.
function why.batch(record, all, own, first, known)
  own = math.min(own, all)
  first = math.min(first, own)
  local parts, share = record.parts, again(record, 0, known)
  parts.again, parts.prefill = parts.again + first * share, parts.prefill + first * (1 - share)
  parts.decode, parts.padding = parts.decode + own - first, parts.padding + all - own
end

function why.lose(record) record.lost = math.max(record.lost, record.computed) end

function why.waste(record)
  local parts = record.parts
  parts.again, parts.decode = parts.again + parts.decode, 0
  record.lost = math.min(record.lost, record.prompt)
end

-- Its replica failed `now`. under_way: when the step began that it was in the middle of, nil: none.
function why.fail(record, now, under_way)
  local span = record.span or under_way and record.home.span
  if span then
    if not span.static then record.parts = span.before[record] end
    local part = span.static and "again" or span.lost[record]
    record.parts[part], record.span = record.parts[part] + now - (span.start or under_way), nil
  end
  if not (span and span.static) then why.lose(record) end
end

return why
