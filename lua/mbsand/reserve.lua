-- mbsand.reserve: what a policy sets aside at admission (replica.reserve), and no word of the scenario lost over it.

-- own: what the policy stands for, or its parameter asks for (nil or false: nothing); otherwise: if nobody asks for anything.
local function reserve(replica, own, otherwise)
  local asked = replica.cluster.reserve
  if own and asked and own ~= asked then
    error(('the policy sets aside "%s" at admission, and the scenario asks for cluster.reserve = "%s": leave one of them out')
      :format(own, asked), 0)
  end
  return own or asked or otherwise
end

return reserve
