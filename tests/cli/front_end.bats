#!/usr/bin/env bats
# What lies before the replicas.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 'arrival,prompt,output\n0,10,1\n0.001,1,1\n' >two.csv
    cat >two.lua <<'LUA'
return scenario {
  workload = trace.csv "two.csv" { columns = { time = "arrival", prompt = "prompt", output = "output" } },
  cluster = { gpus = 1, token_budget = 10, front_end = { base = 0.010, per_token = 0.001 } },
  latency = latency.step { base = 0.010, per_token = 0.001 },
  policies = { "fcfs" },
  seeds = 1,
}
LUA
}

column() { # column FILE NAME: its values, as ms, in order of the rows
    awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i }
        NR > 1 { printf "%s%.6g", (NR > 2 ? " " : ""), 1000 * $column }' "$1"
}

@test "a short prompt passes a long one, and the front end counts in TTFT but not in the wait" {
    # Seen at 10 + 10 = 20 ms and 1 + 10 + 1 = 12. The short one: 11 -> 23; the long one waits 3 and takes 20 -> 43.
    for more in "" --step; do
        # shellcheck disable=SC2086
        "$MBSAND" two.lua -q $more --out out --dump requests --format csv >summary.csv
        [ "$(column out/requests-fcfs-1.csv arrival_s)" = "1 0" ]
        [ "$(column out/requests-fcfs-1.csv start_s)" = "12 23" ]
        [ "$(column out/requests-fcfs-1.csv end_s)" = "23 43" ]
        [ "$(column summary.csv ttft_mean_s)" = 32.5 ]   # 22 and 43
        [ "$(column summary.csv queue_mean_s)" = 1.5 ]   # 0 and 3
        [ "$(column summary.csv gpu_util)" = 1000 ]      # from when the first is seen
        rm -r out
    done
}

@test "whole batches and closed loops pass it as well" {
    sed -e 's/latency.step {.*}/latency.batch { alpha = 0.010, beta = 0.001, gamma = 0 }/' -e 's/, token_budget = 10//' \
        -e 's/"fcfs"/"static_fifo"/' two.lua >batch.lua
    "$MBSAND" batch.lua -q --out out --dump requests --format csv >summary.csv
    # Seen at 12 and 20. The short one alone: 10 + 2 x 1 -> 24; then the long one: 10 + 11 -> 45.
    [ "$(column out/requests-static_fifo-1.csv end_s)" = "24 45" ]
    sed -e 's/trace.csv.*/synthetic { users = 1, think = 0.005, prompt = 1, output = 1, limit = 3 },/' two.lua >loop.lua
    "$MBSAND" loop.lua -q --out loop --dump requests --format csv >summary.csv
    [ "$(column loop/requests-fcfs-1.csv arrival_s)" = "0 27 54" ] # 11 in front, 11 of a step, 5 to think
    [ "$(column summary.csv e2e_mean_s)" = 22 ]
}

@test "a constant as a number, and what is none" {
    "$MBSAND" two.lua -q --set cluster.front_end=0.02 --format csv >summary.csv
    [ "$(column summary.csv ttft_mean_s)" = 45 ] # seen at 20 and 21: 40, and 51 less the 1 at which it was sent
    run "$MBSAND" two.lua -q --set cluster.front_end=-1
    [ "$status" -eq 2 ]
    says "cluster.front_end"
    run "$MBSAND" two.lua -q --set cluster.front_end.per_request=1
    [ "$status" -eq 2 ]
    says "per_request"
}
