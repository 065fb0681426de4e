-- The simulation of `mbsand plan --page`: its options come as `--set`.
local pages = require "mbsand.pages"

local words = { synthetic = synthetic, arrivals = arrivals, lengths = lengths, latency = latency }
return scenario(pages.scenario(words, { gpu = "h100-80gb", model = "llama-3-8b" }, 4096, { 16 }))
