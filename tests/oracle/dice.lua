-- The policy's own random numbers (docs/models.md): xoshiro256++ (Blackman & Vigna 2019), seeded by splitmix64 from the seed,
-- the replication and FNV-1a of the stream's name. Of Lua 5.4: it computes in 64 bits.
--   local draw = dice.new(seed, replication, name)    draw(): uniform on [0, 1); draw(n), draw(low, high): whole numbers

local dice = {}

local function spread(state)
  state = state + 0x9e3779b97f4a7c15
  local z = state
  z = (z ~ (z >> 30)) * 0xbf58476d1ce4e5b9
  z = (z ~ (z >> 27)) * 0x94d049bb133111eb
  return z ~ (z >> 31), state
end

local function turn(x, k) return (x << k) | (x >> (64 - k)) end

function dice.new(seed, replication, name)
  local hash, s = 0xcbf29ce484222325, {}
  for i = 1, #name do hash = (hash ~ name:byte(i)) * 0x100000001b3 end
  local state = spread(spread(seed) ~ hash) ~ replication
  for i = 1, 4 do s[i], state = spread(state) end
  local function bits()
    local result, t = turn(s[1] + s[4], 23) + s[1], s[2] << 17
    s[3], s[4] = s[3] ~ s[1], s[4] ~ s[2]
    s[2], s[1] = s[2] ~ s[3], s[1] ~ s[4]
    s[3], s[4] = s[3] ~ t, turn(s[4], 45)
    return result
  end
  return function(low, high) -- (that 2^64 is no multiple of n matters once in 2^50 draws)
    if not low then return (bits() >> 11) * 0x1p-53 end
    if not high then low, high = 1, low end
    local n, x = high - low + 1, bits()
    local half = (x >> 1) // n * 2 -- unsigned division
    local rest = x - half * n
    if math.ult(n - 1, rest) then rest = rest - n end
    return low + rest
  end
end

return dice
