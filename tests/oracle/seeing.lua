-- What the random policy sees of replicas from outside (replica.seen). Where the scenario has no signals of its own, that is
-- what there is.
local seeing = {}

local function same(exact, seen, real, what, replica)
  if exact and seen ~= real then
    error(("replica %d: seen.%s is %s, and it is %s"):format(replica.id, what, tostring(seen), tostring(real)), 0)
  end
  return seen == math.huge and 7 or seen
end

-- A number of all that is seen; of a request that waits, too, what is in the caches.
function seeing.look(sim, exact, req)
  local sum = 0
  for _, replica in ipairs(sim.replicas) do
    local seen, kv = replica.seen, replica.kv
    sum = sum + same(exact, seen.running, replica.running, "running", replica)
      + 3 * same(exact, seen.waiting, replica.waiting, "waiting", replica)
      + 5 * same(exact, seen.decodes, replica.decodes, "decodes", replica)
      + same(exact, seen.context, replica.context, "context", replica)
      + same(exact, seen.kv_used, kv.used, "kv_used", replica) + same(exact, seen.kv_free, kv.free, "kv_free", replica)
      + 7 * same(exact, seen.waiting_tokens, replica.waiting > 0 and replica.queue.tokens or 0, "waiting_tokens", replica)
    if req and req:phase() == "waiting" then
      sum = sum + 11 * same(exact, seen:cached(req), exact and replica:cached(req), "cached", replica)
    end
    same(exact, seen.time, sim.now, "time", replica)
    sum = sum + 1000 * seen.time
  end
  return sum
end

return seeing
