#!/usr/bin/env bats
# Tables of times beside the operators of a step model.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cat >one.lua <<'LUA'
return scenario {
  workload = synthetic { arrivals = arrivals.constant { rate = 1 }, prompt = 10, output = 3, limit = 1 },
  cluster = { gpu = "h100-80gb", model = "llama-3-8b", tp = 2, gpus = 2 },
  latency = latency.roofline { links = "links.csv", corrections = "corrections.csv" },
  policies = { "vllm_v1" },
  seeds = 1,
}
LUA
    printf 'gpus,bytes,time_us\n2,8192,1e6\n2,81920,2e6\n' >links.csv # 4,096 values of 2 bytes: 1 row and 10
    printf 'prompts,tokens,time_us\n0,1,5e6\n1,10,7e6\n' >corrections.csv
}

measure() { # measure NAME: whole seconds
    "$MBSAND" one.lua -q --format csv "${@:2}" | awk -F, -v name="$1" \
        'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i } NR == 2 { printf "%d\n", $column }'
}

@test "a step takes its all-reduces and its correction" {
    [ "$(measure ttft_mean_s)" = 135 ] # 64 of 2 s, and 7 s
    [ "$(measure e2e_mean_s)" = 273 ]  # and two steps of 64 of 1 s, and 5 s
    [ "$(measure e2e_mean_s --step)" = 273 ]
}

@test "links of one GPU, of another number of GPUs, and files that are none" {
    run "$MBSAND" one.lua --set cluster.tp=1
    [ "$status" -eq 2 ]
    says "--set cluster.tp=1: latency.roofline: links are for several GPUs that work on one batch, and cluster.tp is 1"
    run "$MBSAND" one.lua --set cluster.tp=4 --set cluster.gpus=4
    [ "$status" -eq 2 ]
    says "links.csv: no row of 4 GPUs; as many work together here"
    run "$MBSAND" one.lua --set latency.links=corrections.csv
    [ "$status" -eq 2 ]
    says 'corrections.csv:1: '
    run "$MBSAND" one.lua --set latency.corrections=links.csv
    [ "$status" -eq 2 ]
    says 'links.csv:1: '
}

@test "a profile needs layers, and links the width" {
    mkdir tables
    printf 'layer,tokens,time_us\ndown_proj,1,1\n' >tables/dense.csv
    cat >plain.lua <<'LUA'
return scenario {
  workload = synthetic { arrivals = arrivals.constant { rate = 1 }, prompt = 10, output = 3, limit = 1 },
  cluster = { tp = 2, gpus = 2 },
  latency = latency.profile "tables" { links = "links.csv" },
  policies = { "vllm_v1" },
}
LUA
    run "$MBSAND" plain.lua
    [ "$status" -eq 2 ]
    says "plain.lua:4: latency.profile needs layers, how many the model has (the tables hold one), or cluster.model to say it"
    run "$MBSAND" plain.lua --set latency.layers=2
    [ "$status" -eq 2 ]
    says "links need hidden, the width of the model (a message is 2 bytes of each), or cluster.model to say it"
}
