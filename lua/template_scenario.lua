-- NAME: the question that this scenario answers.
-- Try it:       mbsand ./NAME.lua
-- Change it:    mbsand ./NAME.lua --set cluster.gpus=4 --set workload.arrivals.rate=8
-- Sweep a key:  mbsand ./NAME.lua --over workload.arrivals.rate=1,2,4,8
return scenario {
  title = "NAME",
  question = "Which policy answers within 20 s, at 16 requests/s on two replicas?",

  -- Who comes, and with which lengths (tokens). A trace instead: trace.csv "FILE.csv" { columns = { ... } }.
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 16 }, -- requests/s
    prompt = lengths.lognormal { mu = 5.5, sigma = 1, max = 8000 },
    output = lengths.lognormal { mu = 5, sigma = 0.8, max = 4000 },
    predictor = predict.lognormal { sigma = 0.5 }, -- what policies are told of the output
    limit = 2000,
  },

  -- On what: replicas, and blocks of 16 tokens of KV memory in each.
  cluster = { gpus = 2, kv_blocks = 2588 },

  -- How long a step takes: seconds, and seconds for each token computed and each token read. Measured laws:
  -- latency.profile, latency.roofline.
  latency = latency.step { base = 0.017, per_token = 90e-6, per_context = 0.1e-6 },

  slo = { ttft = 1, tbt = 0.05, e2e = 20 }, -- s
  policies = { "fcfs", "vllm_v1", { "sarathi", chunk = 256 }, "sjf" },
  seeds = 5,
}
