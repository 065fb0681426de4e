-- mbsand.chunk: how long may a chunk of prompts be? longest(replica, seconds, least, most): of `least` to `most` tokens, as
-- many as a step with all decodes of the replica computes in at most `seconds`; `least` where none does.
local chunk = {}

function chunk.longest(replica, seconds, least, most) return replica:longest_chunk(seconds, least, most) end

return chunk
