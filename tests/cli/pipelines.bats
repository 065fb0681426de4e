#!/usr/bin/env bats
# Replicas whose layers are dealt out to stages: cluster.pipeline.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 't,p,o\n0,10,3\n0,10,2\n' >two.csv
    policy 'step:carry() step:admit(self.sim.queue)'
}

scenario() { # scenario CLUSTER [MORE [LATENCY]]: s.lua, of 10 ms + 1 ms T
    cat >s.lua <<END
return scenario {
  workload = trace.csv "two.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { $1 },
  latency = ${3:-latency.step { base = 0.010, per_token = 0.001 \}},
  ${2:-}
  policies = { "./my.lua" },
  seeds = 1,
}
END
}

refused() { # refused STATUS TEXT: s.lua does not run
    run "$MBSAND" s.lua -q --format csv
    [ "$status" -eq "$1" ] || { echo "status $status: $output"; return 1; }
    says "$2"
}

value() { # value MEASURE
    "$MBSAND" s.lua -q --format json | grep -o "\"$1\": [-0-9.e]*" | head -1 | sed 's/.*: //'
}

@test "what does not go together is a sentence" {
    local law='latency.batch { alpha = 0.1, beta = 0.01, gamma = 0 }'
    scenario 'gpus = 2, pipeline = 2' "" "$law"
    refused 2 "cluster.pipeline needs a latency model of single steps, such as latency.step; latency.batch times whole batches"
    scenario 'gpus = 3, pipeline = 2'
    refused 2 "cluster.gpus = 3 cannot be dealt out to replicas of cluster.pipeline.stages = 2 times cluster.tp = 1 GPUs"
    scenario 'gpus = 4, pipeline = 2, experts = { parallel = 2 }'
    refused 2 "cluster.pipeline and cluster.experts do not go together"
    scenario 'gpus = 2, pipeline = 2, swap = { tokens = 9, seconds_per_token = 0 }'
    refused 2 "cluster.pipeline and cluster.swap do not go together"
    scenario 'gpus = 2, pipeline = 2, async_scheduling = true'
    refused 2 "cluster.pipeline and cluster.async_scheduling do not go together: say ahead = true"
    scenario 'gpus = 2, pipeline = { stages = 2, shares = { 1 } }'
    refused 2 "shares has 1 values for 2 stages; expected one for each"
    scenario 'gpus = 2, pipeline = { stages = 2, send = { bandwidth = 50 } }'
    refused 2 "cluster.pipeline.send.bandwidth needs cluster.model, whose width says how much a token sends; or give per_token"
    scenario 'gpus = 2, pipeline = { stages = 2, send = { bandwidth = 50, per_token = 0 } }'
    refused 2 "has per_token and bandwidth; expected one of them"
    scenario 'gpus = 2, pipeline = 2.5'
    refused 2 "expected a whole number from 1 to 1024"
    scenario 'gpus = 2, pipeline = 2'
    policy 'step:admit(self.sim.queue) step:barrier()'
    refused 1 "step:barrier: the stages of cluster.pipeline pass on single steps"
    scenario 'gpus = 2, pipeline = { stages = 2, batch_requests = 1 }'
    policy 'if self.first then self.sim:reject(self.first) end
        self.first = self.sim.queue:peek() step:admit(self.sim.queue)'
    refused 1 "sim:reject: the request is in a batch under way; it can be turned away when that has left the last stage"
    policy 'step:carry() step:admit(self.sim.queue)'
    run "$MBSAND" s.lua -q --bound
    says "the least that a batch takes on the stages of \`cluster.pipeline\` is not worked out"
}

@test "one stage is no pipeline, whatever else the key says" {
    scenario 'gpus = 2, max_requests = 4'
    "$MBSAND" s.lua -q --out a --dump requests,batches >/dev/null
    scenario 'gpus = 2, max_requests = 4, pipeline = { stages = 1, batches = 3, send = 1, ahead = true }'
    "$MBSAND" s.lua -q --out b --dump requests,batches >/dev/null
    cmp a/requests-my-1.csv b/requests-my-1.csv
    cmp a/batches-my-1.csv b/batches-my-1.csv
}

# A: 0-10, 10-20; 20-25.5, 30-35.5; 35.5-41, 41-46.5. B: 10-20, 20-30; 30-35.5, 35.5-41.
@test "utilisation is that of the stages, and where the time went adds up" {
    scenario 'gpus = 2, pipeline = { stages = 2, batch_requests = 1 }' 'why = true,'
    awk -v d="$(value duration_s)" 'BEGIN { exit !(d > 0.0464999 && d < 0.0465001) }'
    # Each stage is busy for 10 + 10 + 5.5 + 5.5 + 5.5 ms.
    awk -v u="$(value gpu_util)" 'BEGIN { exit !(u > 0.7849462 && u < 0.7849463) }'
    "$MBSAND" s.lua -q --out out --dump requests >/dev/null
    # Of A the wait for the second stage, 25.5 to 30; B is held up by nobody, and waits 10 ms.
    run awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR > 1 { print $at["id"], 1000 * $at["waiting_s"], 1000 * $at["prefill_s"], 1000 * $at["decode_s"], 1000 * $at["stalled_s"] }' \
        out/requests-my-1.csv
    [ "$output" = "$(printf '1 10 20 11 0\n0 0 20 22 4.5')" ] || { echo "$output"; return 1; }
}

@test "what a policy sees of requests in flight" {
    scenario 'gpus = 2, pipeline = { stages = 2, batch_requests = 1 }'
    cat >my.lua <<'LUA'
local P = { calls = 0 }
function P:near(a, b) assert(math.abs(a - b) < 1e-12, a) end
function P:schedule(replica, step)
  self.calls = self.calls + 1
  if self.calls == 1 then
    self:near(replica:estimate{ prefill = 10 }, 0.020)
    self:near(replica:estimate{ prefill = { 10, 5 }, prefix = { 0, 3 }, decodes = 2 }, 0.027)
    self.first = self.sim.queue:peek()
  elseif self.calls == 2 then -- at 10 ms: the first is on stage 2
    local seen = 0
    for _ in replica:each_running() do seen = seen + 1 end
    assert(seen == 0 and replica.running == 1 and replica.prefills == 1)
    for _, what in ipairs{ "add", "preempt" } do
      local done, why = step[what](step, self.first)
      assert(done == false and why == "flight", why)
    end
  end
  step:carry()
  step:admit(self.sim.queue)
  if self.calls == 1 then self:near(step:estimate(), 0.020) end
end
function P:stepped(replica, step)
  self.ends = (self.ends or 0) + 1
  if self.ends == 1 then
    self:near(step.duration, 0.020)
    local seen = 0
    for _ in replica:each_running() do seen = seen + 1 end
    assert(seen == 2)
  end
end
return P
LUA
    run "$MBSAND" s.lua -q
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "memory is what the stage with the least room allows, as in the plan" {
    local plan
    plan=$("$MBSAND" plan --model llama-3.1-8b --gpu h100-80gb --pipeline 2 --format json | grep -o '"pool_tokens": [0-9]*' | grep -o '[0-9]*$')
    cat >s.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson{ rate = 5 }, prompt = 500, output = 3, limit = 3 },
  cluster = { gpus = 4, gpu = "h100-80gb", model = "llama-3.1-8b", pipeline = { stages = 2, send = { latency = 1e-5, bandwidth = 50 } } },
  policies = { "vllm_v1" }, seeds = 1,
}
END
    run "$MBSAND" s.lua -q
    says "2 replicas (NVIDIA H100 SXM 80 GB, llama-3.1-8b, 2 stages, $(sed ':a;s/\B[0-9]\{3\}\>/,&/;ta' <<<"$plan") KV tokens each)"
}

@test "a run that is stopped: batches in flight do not count, but the time of their stages" {
    scenario 'gpus = 2, pipeline = { stages = 2, batch_requests = 1 }' 'stop_time = 0.025,'
    # Stage 1: 0-25; stage 2: 10-25.
    awk -v u="$(value gpu_util)" 'BEGIN { exit !(u > 0.7999 && u < 0.8001) }'
    "$MBSAND" s.lua -q --out out --dump batches >/dev/null 2>&1
    [ "$(wc -l <out/batches-my-1.csv)" = 2 ] # A's first, after the names of the columns
}
