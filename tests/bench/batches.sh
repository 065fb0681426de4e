#!/bin/bash
# Whole batches under stable load, and peak memory, which should not grow with the requests.
# usage: tests/bench/batches.sh MBSAND
set -eu
cd "$(dirname "$0")/../.."
mbsand=$1
requests=${REQUESTS:-10000000}
. tests/bench/figures.sh

head_of policy "load, requests/s" "mean batch" "million requests/s"
figures policy,throughput_rps,batch_mean,sim_requests_per_s tests/bench/batch.lua --set workload.limit="$requests" |
    awk '{ printf "| `%s` | %.1f | %.1f | %.1f |\n", $1, $2, $3, $4 / 1e6 }'
head_of requests "peak memory of the whole process, MB"
for n in 100000 "$requests"; do
    spend "$n" tests/bench/batch.lua
    echo "| $n | $(megabytes "$memory") |"
done
