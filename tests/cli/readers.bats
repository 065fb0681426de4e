#!/usr/bin/env bats
# A policy that only reads never changes a result: each bundled policy, watched by one that reads everything.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# compare NAMES LATENCY CLUSTER [WHOLE]: each policy with and without its reader
compare() {
    local name
    {
        echo 'return scenario {'
        echo '  workload = synthetic { arrivals = arrivals.poisson{ rate = 60 }, limit = 60, prompt = lengths.uniform(1, 60), clients = 3,'
        echo '    output = lengths.uniform(1, 40), predictor = predict.refined{ sigma = 0.3, every = 4 } },'
        echo "  cluster = { gpus = 2 $3 }, latency = $2, slo = { ttft = 1, tbt = 0.05, gap = 0.2, e2e = 5 }, qoe = { speed = 20, ttft = 1 }, seeds = 1,"
        echo '  policies = {'
        for name in $1; do
            echo "    { \"$name\", label = \"alone-$name\" }, { \"$root/tests/oracle/reader.lua\", inner = \"$name\", whole = ${4:-false}, label = \"read-$name\" },"
        done
        echo '  },'
        echo '}'
    } >s.lua
    run "$MBSAND" s.lua --out o --dump requests,batches,preemptions
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    for name in $1; do
        for what in requests batches preemptions; do
            cmp "o/$what-alone-$name-1.csv" "o/$what-read-$name-1.csv"
        done
    done
}

# All but one that needs roles, and makes queues of its own, which reading them would make before.
bundled() { basename -s .lua "$root"/policies/*.lua | grep -v disaggregated | tr '\n' ' '; }

@test "whoever reads changes nothing: steps" {
    compare "$(bundled)" 'latency.step { base = 0.01, per_token = 0.0001, per_context = 0.000001 }' \
        ', kv_block = 4, kv_blocks = 60, kv_max_length = 120, link = { seconds_per_token = 0.0001 }'
}

@test "whoever reads changes nothing: what replicas published a while ago" {
    compare "prefix_affinity dynamo_kv weighted_scorers least_loaded vllm_v1" \
        'latency.step { base = 0.01, per_token = 0.0001, per_context = 0.000001 }' \
        ', kv_block = 4, kv_blocks = 60, kv_max_length = 120, signals = { period = 0.1, delay = 0.03 }'
}

@test "whoever reads changes nothing: whole batches" {
    compare "static_fifo static_sjf dynamic_no_bins multi_bin multi_bin_dynamic" \
        'latency.batch { alpha = 0.05, beta = 0.001, gamma = 0 }' ', kv_tokens = 500' true
}
