-- An empty text, 2^62 times: no memory, endless time.
-- expect: rep: the result would be longer than 65536 characters
local P = {}
function P:schedule() return (""):rep(2 ^ 62) end
return P
