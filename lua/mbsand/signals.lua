-- cluster.signals: how old the signals are that reach a router outside the replicas.
local schema = require "mbsand.schema"

local signals = {}

local most = 1000 -- publications on their way

signals.words = schema.record({
  period = schema.number { min = 0, default = 0, unit = "seconds" },
  delay = schema.number { min = 0, default = 0, unit = "seconds" },
}, function(result, place, title)
  if result.period == 0 and result.delay > 0 then
    place:fail("%s.delay = %.10g needs a period: expected how often signals are published, in seconds", title, result.delay)
  end
  if result.period > 0 and result.period < 1e-6 then
    place:fail("%s.period is %.10g; expected 0 (signals are exact) or at least a microsecond", title, result.period)
  end
  if result.period > 0 and result.delay / result.period > most then
    place:fail("%s.delay is %.10g periods; expected %d at most", title, result.delay / result.period, most)
  end
end)

return signals
