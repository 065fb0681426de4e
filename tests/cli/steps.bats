#!/usr/bin/env bats
# Continuous batching from the command line: stepping, mistakes, overload.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cat >small.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = lengths.uniform(1, 60),
    output = lengths.uniform(1, 40), limit = 200 },
  cluster = { gpus = 2, kv_block = 4, kv_blocks = 200, token_budget = 64 },
  latency = latency.step { base = 0.01, per_token = 0.0002, per_context = 1e-5 },
  policies = { "vllm_v1" },
  seeds = 1,
}
END
}

# schedule BODY: a policy my.lua whose `schedule` runs BODY.
schedule() {
    printf 'local P = {}\nfunction P:schedule(replica, step)\n  %s\nend\nreturn P\n' "$1" >my.lua
}

# The run of my.lua fails (exit code 1) and says so.
fails() {
    run "$MBSAND" small.lua --policy ./my.lua --quiet
    [ "$status" -eq 1 ]
    says "$1"
}

@test "stepping prints what jumping prints" {
    for more in "" "--set latency.noise=0.1" "--set cluster.prefix_cache=false"; do
        # shellcheck disable=SC2086
        "$MBSAND" small.lua --policy sarathi --policy srpt --policy vllm_v0 --quiet $more >fast.txt
        # shellcheck disable=SC2086
        "$MBSAND" small.lua --policy sarathi --policy srpt --policy vllm_v0 --quiet $more --step >slow.txt
        cmp fast.txt slow.txt
    done
}

@test "what the prefix cache holds is told as of now, before anything else was asked" {
    cat >cached.lua <<'END'
local Cached = {}
function Cached:arrive(req)
  self.sim:observe("cached", self.sim.replicas[1]:cached(req))
  self.sim.queue:push(req)
end
function Cached:schedule(replica, step)
  if step:carry() == 0 then step:admit(self.sim.queue) end
end
return Cached
END
    set -- --policy ./cached.lua --set cluster.gpus=1 --set cluster.kv_blocks=50 --set workload.prefix.tokens=8 \
        --set workload.prefix.groups=20 --set workload.arrivals.rate=4 --quiet --dump decisions
    sed -i 's/limit = 200/limit = 400, prefix = { tokens = 4, groups = 2 }/' small.lua
    "$MBSAND" small.lua "$@" --out fast >/dev/null
    "$MBSAND" small.lua "$@" --out slow --step >/dev/null
    cmp fast/decisions-cached-1.csv slow/decisions-cached-1.csv
    [ "$(grep -c 'cached,8$' fast/decisions-cached-1.csv)" -gt 50 ]
    [ "$(grep -c 'cached,0$' fast/decisions-cached-1.csv)" -gt 50 ]
}

@test "what the cluster says of admission is used by every policy, or refused" {
    # watermark: the larger of the cluster's and the policy's; max_requests: the smaller
    for policy in vllm_v0 vllm_v1 sarathi round_robin; do
        "$MBSAND" small.lua --policy $policy --set cluster.watermark=0.5 --quiet --format csv >half.csv
        "$MBSAND" small.lua --policy $policy,watermark=0.5 --quiet --format csv >own.csv
        cmp <(cut -d, -f2-60 half.csv | sed 's/,[^,]*,[^,]*$//') <(cut -d, -f2-60 own.csv | sed 's/,[^,]*,[^,]*$//')
    done
    "$MBSAND" small.lua --policy vllm_v1 --set cluster.reserve=predicted --quiet --format csv | cut -d, -f2-40 >cluster.csv
    "$MBSAND" small.lua --policy vllm_v1,reserve=predicted --quiet --format csv | cut -d, -f2-40 >own.csv
    "$MBSAND" small.lua --policy vllm_v1 --quiet --format csv | cut -d, -f2-40 >neither.csv
    cmp cluster.csv own.csv
    ! cmp -s cluster.csv neither.csv
    for policy in vllm_v0 sarathi vllm_v1,reserve=chunk power_of_two,reserve=chunk; do
        run "$MBSAND" small.lua --policy $policy --set cluster.reserve=predicted --quiet
        [ "$status" -eq 1 ]
        says 'and the scenario asks for cluster.reserve = "predicted": leave one of them out'
    done
    "$MBSAND" small.lua --policy pang --set cluster.max_requests=1 --set slo.tbt=1 --quiet --dump batches --out pang >/dev/null
    [ "$(cut -d, -f6 pang/batches-pang-1.csv | sort -n | tail -1)" -eq 1 ]
}

@test "a callback in the middle of a call may look, and change nothing" {
    # the core files who is preempted, in the middle of carry, preempt or barrier
    for call in 'self.step:carry()' 'self.step:admit(self.sim.queue)' 'self.step:quantum(2)' 'self.step:idle()' \
        'self.step:barrier()' 'self.mine:pop()' 'self.sim:queue{}' 'self.sim:after(1, print)' \
        'self.sim.replicas[1].max_requests = 1'; do
        cat >my.lua <<END
local P = {}
function P:init()
  self.mine = self.sim:queue{ by = function(req)
    if req:preemptions() > 0 then $call end
    return req.id
  end }
  self.sim.inbox = self.mine
end
function P:schedule(replica, step)
  self.step = step
  step:carry()
  step:admit(self.mine)
end
return P
END
        run "$MBSAND" small.lua --policy ./my.lua --policy vllm_v1 --set cluster.kv_blocks=60 --set workload.arrivals.rate=90 --quiet
        [ "$status" -eq 1 ]
        says "refused inside the queue's \`by\` function, which is called in the middle of something else"
        says "vllm_v1" # the others go on
    done
    # the same where the policy itself pushes: a step is filled by schedule alone
    cat >my.lua <<'END'
local P = {}
function P:init()
  self.mine = self.sim:queue{ by = function(req) if self.step then self.step:carry() end return req.id end }
end
function P:schedule(replica, step)
  self.step = step
  while self.sim.queue:peek() do self.mine:push(self.sim.queue:peek()) end
end
return P
END
    fails "step:carry: refused inside the queue's \`by\` function: a step is filled by the hook 'schedule' itself"
    cat >my.lua <<'END'
local P = {}
function P:finish() self.step:carry() end
function P:schedule(replica, step)
  self.step = step
  self.sim:reject(self.sim.queue:peek())
end
return P
END
    fails "step:carry: refused inside the hook 'finish': a step is filled by the hook 'schedule' itself"
}

@test "replicas that preempt what the other admits do not call each other without end" {
    # admitted, and preempted again since a shorter one waits behind: by all replicas, at one instant
    schedule 'step:carry() step:admit(self.sim.queue, 1)
  local shortest = math.huge
  for req in self.sim.queue:each() do shortest = math.min(shortest, req.predicted_output) end
  for req in replica:each_running() do if req.predicted_output > shortest then step:preempt(req) end end'
    run timeout 20 "$MBSAND" small.lua --policy ./my.lua --quiet
    [ "$status" -lt 2 ]
    # each call preempts another one: news without end
    schedule 'step:admit(self.sim.queue, 1)
  for req in replica:each_running() do step:preempt(req, "recompute", nil, "back") end'
    run timeout 60 "$MBSAND" small.lua --policy ./my.lua --set workload.arrivals.rate=1e6 --set workload.limit=5000 --quiet
    [ "$status" -eq 1 ]
    says "stuck at t = "
    says "the hook 'schedule' was called 1000 times over for the replicas at this instant"
}

@test "mistakes in a step" {
    schedule 'if step:carry() and replica.running > 0 then step:barrier() else step:admit(self.sim.queue, 1) end'
    fails "step:barrier: requests run here already"
    schedule 'local req = self.sim.queue:peek() if req then step:preempt(req) end step:admit(self.sim.queue)'
    fails "step:preempt: the request does not run on this replica"
    schedule 'step:carry() for req in replica:each_running() do step:add(req) end step:admit(self.sim.queue)'
    fails "step:add: the request is in the step already"
    schedule 'step:carry() step:admit(self.sim.queue) step:quantum(0)'
    fails "step:quantum: expected a number of steps of at least 1"
    schedule 'replica.reserve = "everything"'
    fails 'replica.reserve is "chunk", "sequence", "prompt", "predicted", "expected" or "maximum", not "everything"'
    schedule 'replica.reserve = "maximum"'
    fails 'replica.reserve = "maximum" needs cluster.kv_max_length'
    schedule 'replica.watermark = 1'
    fails "replica.watermark is a share from 0 to below 1"
    schedule 'step:carry() for req in replica:each_running() do step:preempt(req, "throw") end step:admit(self.sim.queue)'
    fails 'step:preempt: expected "recompute", "swap", "pause" or "restart", not "throw"'
    schedule 'step:carry("all") step:admit(self.sim.queue)'
    fails 'what a decode must find free is "needed"'
    schedule 'step:carry() step:rank{}'
    fails "step:rank: it stands instead of step:carry and step:barrier, not after them"
    schedule 'step:rank{ form = self.sim.queue }'
    fails "step:rank: there is no option 'form'; expected from, by, per_token, edges, most, preempt and to"
    schedule 'step:rank{ by = "length" }'
    fails 'step:rank: by = length is unknown; expected "rank", a key that queues are ordered by, or a function(req)'
    schedule 'step:rank{ by = function() return 0 / 0 end }'
    fails 'step:rank: the function `by` must return a number, and returned NaN'
    schedule 'step:rank{ by = function(req) req:rank(1) return 1 end }'
    fails 'req:rank: refused inside the function `by`'
    schedule 'step:rank{ preempt = "throw" }'
    fails 'step:rank: preempt = "recompute", "swap" or "pause", not "throw"'
    schedule 'step:rank{ edges = { 3, 2 }, per_token = 1 }'
    fails "step:rank: edge 2 is not a number at least as large as the one before"
    schedule 'step:rank{ per_token = math.huge }' # times no tokens: NaN, which is in no order
    fails "step:rank: per_token must be between -1e290 and 1e290, so that every key is a number"
    schedule 'step:carry() step:admit(self.sim.queue) self.sim:rank(replica, math.huge) replica:foresee(1)'
    fails "replica:foresee: the rank of request 0, inf, is no answer that was expected so far"
    schedule 'self.sim.queue:peek():expect(-1)'
    fails "req:expect: expected a number of tokens of at least 0"
    schedule 'self.sim.queue:peek():rank(0 / 0)'
    fails "req:rank: the rank is NaN"
    schedule 'local own = self.sim:queue{ by = "rank", of = replica } self.sim:queue{ of = replica } step:admit(own)'
    fails "queue: replica 1 has a queue of its own already; make it before replica.queue is read"
    schedule 'step:add(self.sim.queue:peek(), 0)'
    fails "step:add: the tokens must be a whole number of at least 1"
    schedule 'replica:estimate{ decodes = -1 }'
    fails "estimate: expected { prefill = tokens"
}

@test "what runs goes on where a policy says nothing, and stands still where it says idle" {
    schedule 'step:admit(self.sim.queue)'
    run "$MBSAND" small.lua --policy ./my.lua --quiet
    [ "$status" -eq 0 ]
    ! [[ $output == *"never served"* ]]
    schedule 'if step:admit(self.sim.queue) == 0 then step:idle() end'
    run "$MBSAND" small.lua --policy ./my.lua --quiet
    [ "$status" -eq 0 ]
    says "my never served"
}

@test "ten times too much work in a tiny pool ends, and says what happened" {
    run "$MBSAND" small.lua --quiet --policy fcfs --set cluster.kv_blocks=27 --set cluster.gpus=1 \
        --set workload.arrivals.rate=400 --set workload.limit=2000
    [ "$status" -eq 0 ]
    says "fcfs computed"
    says "preemptions per run"
    ! [[ $output == *"never served"* ]]
}

@test "a request that no pool can hold is rejected" {
    run "$MBSAND" small.lua --quiet --set cluster.kv_blocks=10
    [ "$status" -eq 0 ]
    says "vllm_v1 rejected"
    says "needs"
}

@test "the function of latency.custom: a model, and a mistake" {
    sed 's|latency = .*|latency = latency.custom(function(s) return 0.01 + 0.0002 * s.tokens + 1e-5 * s.context end),|' \
        small.lua >custom.lua
    "$MBSAND" small.lua --quiet --format csv | cut -d, -f1-100 >law.csv
    "$MBSAND" custom.lua --quiet --format csv | cut -d, -f1-100 >function.csv
    # The same times up to rounding: throughput to nine digits.
    [ "$(cut -d, -f8 law.csv | cut -c1-9 | tail -n 1)" = "$(cut -d, -f8 function.csv | cut -c1-9 | tail -n 1)" ]
    sed 's|latency = .*|latency = latency.custom(function() return -1 end),|' small.lua >custom.lua
    run "$MBSAND" custom.lua --quiet
    [ "$status" -ne 0 ]
    says "latency.custom"
    sed 's|latency = .*|latency = latency.custom(function(s) return s.nothing.here end),|' small.lua >custom.lua
    run "$MBSAND" custom.lua --quiet
    [ "$status" -ne 0 ]
    says "custom.lua:5"
}

@test "every verb that runs has the function of latency.custom" {
    # Each thread loads the script for itself, with the same options, when whoever gave them may be gone.
    cat >custom.lua <<'END'
return scenario { policies = { "fcfs" }, seeds = 2, slo = {}, cluster = { gpus = 2, kv_blocks = 1000 },
  workload = synthetic { arrivals = arrivals.poisson { rate = 1 }, prompt = 5, output = 5, limit = 20 },
  latency = latency.custom(function() return 0.01 end) }
END
    run "$MBSAND" pack ./custom.lua --set cluster.gpus=1 -p static_fifo -o custom.mbs
    [ "$status" -eq 0 ]
    run "$MBSAND" verify custom.mbs
    says "the same bits in all 4 runs"
    run "$MBSAND" search custom.lua --over cluster.gpus=1..4 --slo 'e2e_p99<=10' -p static_fifo
    [ "$status" -eq 0 ]
    says "static_fifo all of 1..4"
    run "$MBSAND" search custom.lua --tune cluster.gpus=1..3 --db tuned.db
    [ "$status" -eq 0 ]
    run "$MBSAND" explain custom.lua -p static_fifo -p fcfs
    [ "$status" -eq 0 ]
    run "$MBSAND" sweep custom.lua --over cluster.gpus=1,2 --db swept.db
    says "4 of 4 runs are in swept.db"
}

@test "a function of latency.custom that does not end" {
    sed 's|latency = .*|latency = latency.custom(function() while true do end end),|' small.lua >custom.lua
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$binary" ] || continue
        run "$binary" custom.lua --quiet --hook-seconds 0.2
        [ "$status" -ne 0 ]
        says "latency.custom: the function ran longer than 0.2 s of CPU time (limits.hook_seconds); is there an endless loop?"
        run "$binary" custom.lua --quiet --hook-instructions 100000
        [ "$status" -ne 0 ]
        says "latency.custom: the function used more than 100000 instructions (limits.hook_instructions)"
    done
}

@test "with one seed only equal figures are a tie" {
    sed -e 's|"vllm_v1"|"fcfs", { "fcfs", label = "again" }, "orca"|' -e 's|seeds = 1|columns = { "ttft_mean_s" }, seeds = 1|' \
        -e 's|token_budget = 64|kv_max_length = 400|' small.lua >tie.lua
    run "$MBSAND" tie.lua --quiet
    [ "$status" -eq 0 ]
    says "no real difference between fcfs and again in TTFT mean"
}

@test "the simulation stops where it is told" {
    "$MBSAND" small.lua --quiet --set stop_time=3 --out out --dump requests --format csv >/dev/null
    [ "$(awk -F, 'NR > 1 && $3 > 3' out/requests-vllm_v1-1.csv | wc -l)" -eq 0 ]
    grep -q "unfinished" out/requests-vllm_v1-1.csv
}

@test "a run that is stopped where a step ends has begun the next" {
    # A prompt of 4 tokens for 0.25 s; then decodes whose first step has 5 blocks, and whose fourth, begun at 1 s, 8:
    # (4 * 0.25 + (5 + 8) / 2 * 0.75) / 20 blocks.
    printf 'time,prompt,output\n0,4,10\n' >one.csv
    cat >stop.lua <<'END'
return scenario {
  workload = trace.csv { path = "one.csv", columns = { time = "time", prompt = "prompt", output = "output" } },
  cluster = { kv_block = 1, kv_blocks = 20 }, latency = latency.step { base = 0.25 }, slo = {},
  policies = { "fcfs" }, seeds = 1, stop_time = 1, columns = { "kv_mean" },
}
END
    for options in "" --step; do
        # shellcheck disable=SC2086
        run "$MBSAND" stop.lua --quiet $options
        grep -q '^fcfs  *29.38$' <<<"$output"
    done
}

@test "every scenario of continuous batching answers its question" {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    answers() { # answers SCENARIO TEXT...
        run "$MBSAND" "scenarios/$1.lua" --quiet
        [ "$status" -eq 0 ]
        for text in "${@:2}"; do says "$text"; done
    }
    answers continuous_burst "Bins on continuous batching (multi_bin_continuous): " \
        "Continuous batching itself (fcfs): " "lower than multi_bin_dynamic"
    answers chunked_prefill "at a chunk of 1024 tokens" "Against prefills first: p99 gap"
    answers lockstep "eight ranks in lockstep take 2.9 times as long per token as eight replicas by themselves"
    answers pipeline "8 batches fill 8 stages best" "throughput 3.86 times (1.91)"
    answers memory_pressure "maximum keeps the p99 first token within twice the best" "at no size tried"
    answers restart "first come 90.5 % higher than mc_sf, shortest first 21.4 % higher than mc_sf"
    answers agents "Under plas a call's first token: 66.5 % lower than fcfs; a program: 6" "tokens per second: 12.2 % higher than fcfs"
    answers prefix_order "Tokens per second under dlpm: 54 % higher than vtc" "under dlpm: no real difference from vtc"
    answers no_evict "With 4000 blocks the p99 time per token under max utilization: 2.92 times that of trt_no_evict" \
        "With 60000 blocks the p99 time per token under max utilization: no real difference from trt_no_evict"
    answers disaggregation "At 24/s the best split, 2P 2D: promises kept 37.6 points higher than chunk 2048"
    answers stale_signals "With signals every 1 s p99 TTFT under least loaded: 5.85 times that of round_robin; under two choices: 2.33"
    answers migration "At 8 requests/s with migration the p99 first token is 42.2 % lower than freeness"
    answers autoscaling "Its replicas are there 73 % of the time"
    answers failures "The p99 first token, without a failure: 0.196 s" "The p99 first token, known after 20 s: 0.695 s"
    answers routing "At a rate of 32/s the first token comes soonest under weighted_scorers: 72.9 % lower than least_loaded" \
        "At a rate of 2.5/s the first token comes soonest under weighted_scorers: 53.4 % lower than least_loaded"
    answers hybrid "hygen: promises kept to 99.9 %"
    answers prefix_cache "With conversations the cache shortens" "With eight shared prompts of 2,000 tokens the cache"
    answers predictor_error "srpt is faster in the mean than fcfs" \
        "multi_bin_continuous is not faster in the mean than fcfs even with exact predictions"
}

@test "static batches run on an engine" {
    "$MBSAND" small.lua --quiet --policy static_fifo --policy multi_bin_dynamic --policy multi_bin --policy dynamic_no_bins \
        --format csv >all.csv
    [ "$(awk -F, 'NR > 1 && $4 == 200' all.csv | wc -l)" -eq 5 ]
}

@test "every policy is short enough to be read" {
    for policy in "$BATS_TEST_DIRNAME"/../../policies/*.lua; do
        [ "$(wc -l <"$policy")" -le 80 ]
        head -n 1 "$policy" | grep -q "^-- $(basename "$policy" .lua): "
    done
}
