-- mbsand.chunk: how long may a chunk of prompts be? longest(replica, seconds, least, most): of `least` to `most` tokens, as
-- many as a step with all decodes of the replica computes in at most `seconds`; `least` where none does.
local chunk = {}

function chunk.longest(replica, seconds, least, most)
  if seconds == math.huge then return most end
  local shape = { prefill = least, decodes = replica.decodes, context = replica.context }
  local function time(tokens)
    shape.prefill = tokens
    return replica:estimate(shape)
  end
  local low, high, bottom, top = least, most, time(least), time(most)
  if top <= seconds then return most end
  while high - low > 1 and bottom <= seconds do
    -- Most laws are straight lines: there the first guess is the answer, and the next token refutes more.
    local share = bottom < seconds and (seconds - bottom) / (top - bottom) or 0.5
    local guess = low + math.floor((high - low) * share)
    guess = math.min(math.max(guess, low + 1), high - 1)
    local taken = time(guess)
    if taken > seconds then
      high, top = guess, taken
    else
      low, bottom = guess, taken
      if time(guess + 1) > seconds then break end
    end
  end
  return low
end

return chunk
