#!/bin/bash
# What the cost of a request grows with: processor time and peak memory, and their ratios to the first row of each table.
# usage: tests/bench/growth.sh MBSAND
# SCALE=10: a tenth of the requests, for a look; ratios of short runs are rough.
set -eu
cd "$(dirname "$0")/../.."
mbsand=$1
scale=${SCALE:-1}
. tests/bench/figures.sh

# table TITLE: the rows that follow are compared with the first of them.
table() {
    first=""
    head_of "$1" "microseconds a request" ratio "peak memory, MB"
}

# row LABEL REQUESTS SCENARIO [options]: the cost of the last nine tenths of the requests, so that starting is not in it.
row() {
    local label=$1 requests=$(($2 / scale))
    shift 2
    spend $((requests / 10)) "$@"
    local before=$seconds cost
    spend "$requests" "$@"
    cost=$(awk -v a="$before" -v b="$seconds" -v n="$requests" 'BEGIN { printf "%.3f", (b - a) / (0.9 * n) * 1e6 }')
    first=${first:-$cost}
    awk -v l="$label" -v c="$cost" -v f="$first" -v m="$(megabytes "$memory")" 'BEGIN {
        printf "| %s | %.2f | %.2f | %s |\n", l, c, (f > 0 ? c / f : 0), m }'
}

steps=tests/bench/steps.lua
table "requests (\`vllm_v1\`)"
for n in 100000 1000000 10000000; do row $((n / scale)) "$n" $steps; done
for policy in vllm_v1 round_robin least_loaded; do
    table "replicas (\`$policy\`)"
    for n in 1 10 100 1000; do POLICY=$policy REPLICAS=$n row "$n" 1000000 $steps; done
done
table "routers, 10 replicas"
for policy in vllm_v1 round_robin random power_of_two least_loaded; do
    POLICY=$policy REPLICAS=10 row "\`$policy\`" 1000000 $steps
done
table "requests that wait at once (\`vllm_v1\`)"
for n in 100000 300000 1000000; do LOAD=all row $((n / scale)) "$n" $steps; done
table "requests that run at once (\`fcfs\`)"
for n in 40000 160000 640000; do
    POLICY=fcfs LOAD=all row $((n / scale)) "$n" $steps --set cluster.kv_blocks=100000000 --set cluster.max_requests=1000000 \
        --set cluster.token_budget=1000000000
done
table "bins (\`multi_bin\`)"
for n in 4 64 1024; do BINS=$n REPLICAS=64 RATE=400 row "$n" 300000 tests/bench/growth.lua; done
table "replicas of which nearly all are idle (\`multi_bin\`, 4 bins)"
for n in 4 40 400; do BINS=4 REPLICAS=$n RATE=20 row "$n" 300000 tests/bench/growth.lua; done
