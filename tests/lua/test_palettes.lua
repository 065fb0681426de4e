-- The colours of pages, figures and maps: what each is on its ground, and how far apart two of them are for those who see
-- all colours and for the three kinds of colour-blind. The way to see like them is that of Machado, Oliveira and Fernandes
-- (2009, severity 1), distances are those of CIE L*a*b* (1976: 2.3 is what one just sees), contrast is WCAG's.

package.path = "tests/lua/?.lua;" .. package.path
local tap = require "tap"

local EYES = {
  all = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
  protanopia = { { 0.152286, 1.052583, -0.204868 }, { 0.114503, 0.786281, 0.099216 }, { -0.003882, -0.048116, 1.051998 } },
  deuteranopia = { { 0.367322, 0.860646, -0.227968 }, { 0.280085, 0.672501, 0.047413 }, { -0.011820, 0.042940, 0.968881 } },
  tritanopia = { { 1.255528, -0.076749, -0.178779 }, { -0.078411, 0.930809, 0.147602 }, { 0.004733, 0.691367, 0.303900 } },
}
local TO_XYZ = { { 0.4124564, 0.3575761, 0.1804375 }, { 0.2126729, 0.7151522, 0.0721750 }, { 0.0193339, 0.1191920, 0.9503041 } }

local function times(matrix, v)
  local product = {}
  for i, row in ipairs(matrix) do product[i] = row[1] * v[1] + row[2] * v[2] + row[3] * v[3] end
  return product
end

local function light(hex) -- of the three channels, 0 to 1
  local channels = {}
  local long = #hex == 3 and hex:gsub("%x", "%0%0") or hex
  for pair in long:gmatch "%x%x" do
    local c = tonumber(pair, 16) / 255
    channels[#channels + 1] = c <= 0.04045 and c / 12.92 or ((c + 0.055) / 1.055) ^ 2.4
  end
  return channels
end

local function lab(hex, eye)
  local seen = times(EYES[eye], light(hex))
  for i = 1, 3 do seen[i] = math.min(math.max(seen[i], 0), 1) end
  local xyz, white, f = times(TO_XYZ, seen), times(TO_XYZ, { 1, 1, 1 }), {}
  for i = 1, 3 do
    local t = xyz[i] / white[i]
    f[i] = t > 216 / 24389 and t ^ (1 / 3) or (24389 / 27 * t + 16) / 116
  end
  return { 116 * f[2] - 16, 500 * (f[1] - f[2]), 200 * (f[2] - f[3]) }
end

local function apart(one, other, eye)
  local a, b = lab(one, eye), lab(other, eye)
  return math.sqrt((a[1] - b[1]) ^ 2 + (a[2] - b[2]) ^ 2 + (a[3] - b[3]) ^ 2)
end

local function contrast(one, other)
  local a, b = times(TO_XYZ, light(one))[2], times(TO_XYZ, light(other))[2]
  return (math.max(a, b) + 0.05) / (math.min(a, b) + 0.05)
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local ENOUGH = 15 -- between any two of a palette: what lies side by side in a legend, in patches or lines two pixels wide

local function judge(name, colors, ground)
  local least, pair, worst = math.huge, "", math.huge
  for eye in pairs(EYES) do
    for i = 1, #colors do
      for j = 1, i - 1 do
        local far = apart(colors[i], colors[j], eye)
        if far < least then least, pair = far, colors[j] .. " and " .. colors[i] .. ", " .. eye end
      end
    end
  end
  for _, color in ipairs(colors) do worst = math.min(worst, contrast(color, ground)) end
  tap.ok(least >= ENOUGH, name .. ": told apart by all eyes", pair, least)
  tap.ok(worst >= 3, name .. ": seen on its ground", worst) -- WCAG 1.4.11
end

-- The measure itself: black and white are 100 apart and 21 to 1, a pure red and green of one lightness are near for some.
tap.near(apart("000", "ffffff", "all"), 100, 0.01, "black and white, L*")
tap.near(contrast("000000", "fff"), 21, 0.01, "black and white, contrast")
local orange, mustard = "d55e00", "b98500"
tap.ok(apart(orange, mustard, "all") > 30 and apart(orange, mustard, "deuteranopia") < 5, "orange and mustard are one to some")

local css = read "src/page/page.css"
for theme, block in pairs { light = ":root {(.-)}", dark = ':root%[data%-theme="dark"%] {(.-)}' } do
  local text, colors = css:match(block), {}
  for number, color in text:gmatch "%-%-c(%d): #(%x+)" do colors[tonumber(number) + 1] = color end
  tap.equal(#colors, 7, theme .. ": seven colours")
  judge("page, " .. theme, colors, text:match "%-%-bg: #(%x+)")
end

local drawn = {}
for color in read("src/page/figure.c"):match("colors%[%] = {(.-)}"):gmatch '"(%x+)"' do drawn[#drawn + 1] = color end
tap.equal(#drawn, 8, "figure: eight colours")
judge("figure", drawn, "ffffff")

-- A map goes from dark to bright for everybody, and its numbers can be read on every shade.
local maps, shades = read "src/page/maps.js", {}
for color in maps:match("SHADES = %[(.-)%]"):gmatch '"#(%x+)"' do shades[#shades + 1] = color end
tap.equal(#shades, 10, "map: ten shades")
for eye in pairs(EYES) do
  local least = math.huge
  for i = 2, #shades do least = math.min(least, lab(shades[i], eye)[1] - lab(shades[i - 1], eye)[1]) end
  tap.ok(least > 5, "map, " .. eye .. ": brighter step by step", least)
end
local turn, worst = tonumber(maps:match "part > ([%d.]+) %? \"#000\" : \"#fff\""), math.huge
for i = 0, 100 do
  local at = i / 100 * (#shades - 1)
  local k, mixed = math.min(math.floor(at), #shades - 2), ""
  for c = 1, 5, 2 do
    local a, b = tonumber(shades[k + 1]:sub(c, c + 1), 16), tonumber(shades[k + 2]:sub(c, c + 1), 16)
    mixed = mixed .. ("%02x"):format(math.floor(a + (b - a) * (at - k) + 0.5))
  end
  worst = math.min(worst, contrast(mixed, i / 100 > turn and "000" or "fff"))
end
tap.ok(worst >= 4.5, "map: its numbers on every shade", worst) -- WCAG 1.4.3

tap.done()
