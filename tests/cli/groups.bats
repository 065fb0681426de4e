#!/usr/bin/env bats
# Replicas of several kinds: cluster.groups.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 't,p,o\n0,1,1\n0,1,1\n0,1,1\n' >three.csv
    scenario '{ name = "fast", gpus = 1, latency = latency.step { base = 0.010 }, kv_blocks = 100 },
      { name = "slow", gpus = 2, latency = latency.step { base = 0.020 }, kv_blocks = 20, max_requests = 3 }'
}

scenario() { # scenario GROUPS [CLUSTER [MORE]]: s.lua
    cat >s.lua <<END
return scenario {
  workload = trace.csv "three.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { ${2:-} groups = { $1 } },
  ${3:-}
  policies = { "round_robin" },
  seeds = 1,
}
END
}

dumped() { # dumped NAME: replica and end of each request, ms
    "$MBSAND" s.lua -q --out out --dump requests,batches --format csv >/dev/null
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR > 1 { printf "%s%.6g", (NR > 2 ? " " : ""), 1000 * $at["end_s"] }' \
        "out/requests-round_robin-1.csv"
}

@test "each group has its own times, and replicas are numbered through" {
    [ "$(dumped)" = "10 20 20" ]
    [ "$("$MBSAND" s.lua -q --step --format csv | cut -d, -f1-20)" = "$("$MBSAND" s.lua -q --format csv | cut -d, -f1-20)" ]
    run "$MBSAND" s.lua -q
    says "1 fast replica (1,600 KV tokens) + 2 slow replicas (320 KV tokens each), fast: steps of 10 ms"
}

@test "a policy sees the model, the GPU and the tensor parallelism of each replica" {
    scenario '{ name = "large", gpus = 2, tp = 2, model = "llama-3.1-70b" }, { name = "small", gpus = 1, model = "llama-3.1-8b" }' \
        'gpu = "h200-141gb", kv_max_length = 4096,' 'latency = latency.step { base = 0.010 },'
    cat >see.lua <<'LUA'
local P = {}
function P:init()
  for _, r in ipairs(self.sim.replicas) do print(r.id, r.model, r.gpu, r.tp, r.ranks) end
end
function P:schedule(_, step) step:carry() step:admit(self.sim.queue) end
return P
LUA
    run "$MBSAND" s.lua -q -p see.lua
    [[ $output == *"see: 1 llama-3.1-70b h200-141gb 2 1"*"see: 2 llama-3.1-8b h200-141gb 1 1"* ]]
    run "$MBSAND" s.lua -q -p see.lua --set cluster.groups.small.gpu=l40s-48gb --set latency.base=0.010
    [[ $output == *"see: 1 llama-3.1-70b h200-141gb 2 1"*"see: 2 llama-3.1-8b l40s-48gb 1 1"* ]]
    sed -i 's/print(r.id.*/r.model = "x" end/' see.lua
    run "$MBSAND" s.lua -q -p see.lua
    says "replica.model cannot be set; max_requests, token_budget, chunked, reserve, watermark and role can"
}

@test "a policy sees groups, and what the scenario asks of each" {
    cat >see.lua <<'LUA'
local P = {}
function P:init()
  local sim = self.sim
  for _, r in ipairs(sim.replicas) do
    print(r.id, r.group, r.cluster.max_requests, r.max_requests, r.kv.capacity, r.kv.block, r:estimate{ decodes = 1, context = 1 })
  end
  print(#sim:group("slow"), sim:group("slow")[1].id, sim.cluster.max_requests)
end
function P:schedule(_, step) step:carry() step:admit(self.sim.queue) end
return P
LUA
    run "$MBSAND" s.lua -q -p see.lua
    [[ $output == *"see: 1 fast nil inf 1600 16 0.01"* ]]
    [[ $output == *"see: 3 slow 3 3 320 16 0.02"* ]]
    [[ $output == *"see: 2 2 nil"* ]]
    sed -i 's/sim:group("slow")\[1\]/sim:group("large")[1]/' see.lua
    run "$MBSAND" s.lua -q -p see.lua
    says 'sim:group: the cluster has no group "large"; its groups: fast, slow'
}

@test "one group is what the cluster is without it, to the bit" {
    cat >plain.lua <<'LUA'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 9 }, prompt = lengths.uniform(1, 90), output = lengths.uniform(1, 60), limit = 400 },
  cluster = { gpus = 2, kv_blocks = 24, swap = { tokens = 500, seconds_per_token = 0.0002 } },
  latency = latency.step { base = 0.02, per_token = 0.0001, per_context = 1e-6 },
  policies = { "vllm_v1", "round_robin", "srpt", "multi_bin_continuous" },
  seeds = 2,
}
LUA
    sed 's/gpus = 2, kv_blocks = 24,/groups = { { name = "all", gpus = 2, kv_blocks = 24 } },/' plain.lua >grouped.lua
    sed 's/gpus = 2, kv_blocks = 24,/groups = { { name = "a", gpus = 1 }, { name = "b", gpus = 1 } }, kv_blocks = 24,/' plain.lua >two.lua
    for name in plain grouped two; do
        "$MBSAND" $name.lua -q --out "out-$name" --dump requests,batches,decisions --format csv >$name.csv
    done
    for name in grouped two; do
        for file in out-plain/*.csv; do
            [[ $file == */summary.csv ]] || cmp "$file" "out-$name/${file##*/}"
        done
    done
}

@test "keys of a group are set and swept by its name" {
    run "$MBSAND" s.lua -q --set cluster.groups.slow.gpus=5
    says "5 slow replicas"
    run "$MBSAND" s.lua -q --over cluster.groups.fast.latency.base=0.005,0.01
    says "the first of 2 points"
    run -2 "$MBSAND" s.lua -q --set cluster.groups.slw.gpus=5
    says '--set cluster.groups.slw.gpus=5: there is no "slw" in cluster.groups.slw.gpus; did you mean "slow"?'
    run -2 "$MBSAND" s.lua -q --set cluster.groups.slow.kv_blocks=0
    says "kv_blocks is 0; expected a whole number"
}

@test "the bound takes each request to the group that suits it best" {
    run "$MBSAND" s.lua -q --bound --format csv
    [ "$status" = 0 ]
    run "$MBSAND" s.lua -q --bound
    [[ $output =~ bound.*10\.00 ]]
}

@test "a request that one pool alone can hold is served there, and one that none can is turned away" {
    printf 't,p,o\n0,400,1\n0,2000,1\n' >three.csv
    sed -i 's/round_robin/fcfs/' s.lua
    "$MBSAND" s.lua -q --out out --dump requests,batches --format csv >summary.csv
    grep -q '^1,.*,rejected$' out/requests-fcfs-1.csv
    grep -q '^0,,0,400,1,1,1,.*,done$' out/requests-fcfs-1.csv
    [[ $(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR > 1 { print $at["replica"] }' out/batches-fcfs-1.csv) == 1 ]]
}

# It was admitted, since its prompt fits, then ran out of memory, and came back, for ever.
@test "a replica whose memory could never hold a request to its end does not take it" {
    printf 't,p,o\n0,1,40\n' >three.csv
    scenario '{ name = "small", gpus = 1, kv_blocks = 1 }, { name = "large", gpus = 1, kv_blocks = 9 }' '' \
        'latency = latency.step { base = 0.01 },'
    sed -i 's/round_robin/fcfs/' s.lua
    timeout 20 "$MBSAND" s.lua -q --out out --dump requests --format csv >summary.csv
    grep -q '^0,,0,1,40,40,2,.*,done$' out/requests-fcfs-1.csv
}

@test "what does not go together is a sentence" {
    scenario '{ name = "a", gpus = 1 }' 'gpus = 2,' 'latency = latency.step { base = 0.01 },'
    run -2 "$MBSAND" s.lua -q
    says "cluster.gpus and cluster.groups do not go together; each group says how many it has"
    scenario '{ name = "a" }, { name = "a" }' '' 'latency = latency.step { base = 0.01 },'
    run -2 "$MBSAND" s.lua -q
    says 'two groups of the cluster have the name "a"'
    scenario '{ gpus = 1 }' '' 'latency = latency.step { base = 0.01 },'
    run -2 "$MBSAND" s.lua -q
    says ".name is a nil; expected letters, digits and underscores in quotes"
    scenario '' '' 'latency = latency.step { base = 0.01 },'
    run -2 "$MBSAND" s.lua -q
    says "expected a list, as in cluster.groups = "
    scenario '{ name = "a", front_end = 0.1 }' '' 'latency = latency.step { base = 0.01 },'
    run -2 "$MBSAND" s.lua -q
    says 'has no key "front_end"'
    scenario '{ name = "a" }, { name = "b", latency = latency.batch { alpha = 1, beta = 0.01, gamma = 1 } }' '' \
        'latency = latency.step { base = 0.01 },'
    run -2 "$MBSAND" s.lua -q
    says 'expected single steps, or whole batches, for all'
    scenario '{ name = "a" }, { name = "b", gpu = "h100-80gb" }' '' 'latency = latency.step { base = 0.01 },'
    run -2 "$MBSAND" s.lua -q
    says 'group "b": cluster.gpu and cluster.model go together, and cluster.model is missing'
}
