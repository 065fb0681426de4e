#!/bin/bash
# Continuous batching: speed of vllm_v1 (a Lua policy) against stepping, and what the cost grows with.
# usage: tests/bench/steps.sh MBSAND
set -eu
cd "$(dirname "$0")/../.."
mbsand=$1
requests=${REQUESTS:-10000000}

# run LABEL [options]: one line of figures; leaves requests/s in $speed.
run() {
    local label=$1
    shift
    local line
    line=$("$mbsand" tests/bench/steps.lua --jobs 1 --quiet --format csv "$@" | awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
        NR == 2 { printf "%.0f %.1f %.2f\n", $column["sim_requests_per_s"],
                  $column["throughput_tps"] * $column["duration_s"] / $column["sim_wall_s"] / 1e6,
                  $column["batch_mean"] }')
    read -r speed tokens batch <<<"$line"
    printf '  %-44s %9d requests/s  %7.1f M tokens/s  mean batch %s\n' "$label" "$speed" "$tokens" "$batch"
}

echo "continuous batching, vllm_v1, Azure-conversation lengths, one thread"
run "1 M requests, 70 % load" --set workload.limit=1000000
fast=$speed
run "  the same with --step (200 k requests)" --set workload.limit=200000 --step
awk -v a="$fast" -v b="$speed" 'BEGIN { printf "  jumping / stepping: %.1f\n", a / b }'
ANSWER=10 run "answers ten times as long" --set workload.limit=200000
fast=$speed
ANSWER=10 run "  the same with --step (20 k requests)" --set workload.limit=20000 --step
awk -v a="$fast" -v b="$speed" 'BEGIN { printf "  jumping / stepping: %.1f\n", a / b }'
for n in 10000 100000 1000000 "$requests"; do run "$n requests" --set workload.limit="$n"; done
for n in 1 10 100; do REPLICAS=$n run "$n replicas, one queue" --set workload.limit=300000; done
for n in 1 10 100; do
    POLICY=round_robin REPLICAS=$n run "$n replicas, round_robin" --set workload.limit=300000
done
for n in 10000 100000 1000000; do LOAD=all run "$n requests waiting at once" --set workload.limit="$n"; done
