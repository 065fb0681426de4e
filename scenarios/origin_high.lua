-- The origin's experiments at 100 times the trace's speed. Two sections: its methods side by side (it compared one
-- GPU with the best of its grid; here all get the same GPUs), and its grid search over GPUs and K with its rule: the
-- fewest GPUs with at most 5 % of requests over 20 s. Its published numbers are of BurstGPT's file 1; to run on that:
--   --set workload.path=BurstGPT_1.csv
local origin = require "mbsand.origin_grid"

local words = { scenario = scenario, trace = trace, latency = latency, predict = predict }
return origin.sections(words, "high", 100, { gpus = 16, limit = 10000 },
  { gpus = { 1, 2, 4, 8, 16, 32, 64, 100 }, limit = 10000 })
