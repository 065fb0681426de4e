-- NAME: what a policy does on a few requests, worked by hand.
-- Run it:  mbsand test ./NAME.lua
-- Put the file of your policy where "sjf" stands: policies = { "./my_policy.lua" }.
local function case(title, policy, requests_of_it, expect)
  return scenario {
    title = title,
    workload = requests(requests_of_it), -- { time (s), prompt, output (tokens) [, priority =, client =, predicted =] }
    cluster = { gpus = 1, max_requests = 1, kv_block = 2, kv_blocks = 1000 },
    latency = latency.step { base = 0.010, per_token = 0.001 }, -- a step of T tokens takes 10 + T ms
    policies = { policy },
    seeds = 1,
    expect = expect, -- for each request { start, first token, end [, preemptions] } in s; false: does not matter
    assert = { "preemptions<=0", "idle_with_work_s<=0" }, -- measures, as of --assert
  }
end

return {
  -- One at a time. A: a prompt of 2 in 12 ms, then 4 tokens of 11 ms: 56. C is shorter than B: 12 -> 68. B: 80, 8 x 11 -> 168.
  case("the shortest answer first", "sjf", { { 0, 2, 5 }, { 0.001, 2, 9 }, { 0.001, 2, 1 } },
    { { 0, 0.012, 0.056 }, { 0.068, 0.080, 0.168 }, { 0.056, 0.068, 0.068 } }),
  case("alone, whatever the order", "fcfs", { { 0, 2, 5 } }, { { 0, 0.012, 0.056 } }),
}
