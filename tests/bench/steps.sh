#!/bin/bash
# Continuous batching: speed of vllm_v1 (a Lua policy) against stepping, of routers, and where all waits from the start.
# usage: tests/bench/steps.sh MBSAND
set -eu
cd "$(dirname "$0")/../.."
mbsand=$1
requests=${REQUESTS:-10000000}
. tests/bench/figures.sh

# row LABEL REQUESTS [options]
row() {
    local label=$1 limit=$2
    shift 2
    spend "$limit" tests/bench/steps.lua "$@"
    columns throughput_tps,duration_s <"$results" |
        awk -v l="$label" -v n="$limit" -v s="$seconds" '{ printf "| %s | %.0f | %.0f |\n", l, n / s / 1e3, $1 * $2 / s / 1e6 }'
}

head_of "continuous batching" "thousand requests/s of processor time" "million output tokens/s"
for n in 100000 1000000 "$requests"; do row "\`vllm_v1\`, 1 replica, $n requests" "$n"; done
row "the same with \`--step\`, 200000 requests" 200000 --step
ANSWER=10 row "answers ten times as long, 200000 requests" 200000
ANSWER=10 row "the same with \`--step\`, 20000 requests" 20000 --step
for n in 10 100; do REPLICAS=$n row "$n replicas with one queue, 300000 requests" 300000; done
for policy in round_robin least_loaded; do
    for n in 1 10 100; do POLICY=$policy REPLICAS=$n row "\`$policy\` over $n replicas, 300000 requests" 300000; done
done
for n in 100000 1000000; do LOAD=all row "$n requests that wait from the start" "$n"; done

head_of "4 replicas, 300000 requests" "thousand requests/s of processor time" "of mixed"
mixed=""
for policy in least_loaded tests/bench/split_policy.lua disaggregated; do
    POLICY=$policy spend 300000 tests/bench/split.lua
    mixed=${mixed:-$seconds}
    awk -v p="$(basename "$policy" .lua)" -v m="$mixed" -v s="$seconds" \
        'BEGIN { printf "| `%s` | %.0f | %.2f |\n", p, 300 / s, m / s }'
done

head_of "a router over 100 replicas, 300000 requests" "thousand requests/s of processor time" "of \`power_of_two\`"
exact=""
for policy in power_of_two tests/bench/signals_policy.lua; do
    POLICY=$policy spend 300000 tests/bench/signals.lua
    exact=${exact:-$seconds}
    awk -v p="$(basename "$policy" .lua)" -v m="$exact" -v s="$seconds" \
        'BEGIN { printf "| `%s` | %.0f | %.2f |\n", p, 300 / s, m / s }'
done
