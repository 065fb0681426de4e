#!/bin/bash
# What a request costs in instructions, counted by callgrind, which does not depend on what else the machine does: the difference of
# two runs, divided by that of their requests.
# usage: tests/bench/instructions.sh MBSAND
set -eu
cd "$(dirname "$0")/../.."
mbsand=$1
. tests/bench/figures.sh

# total REQUESTS SCENARIO [options]
total() {
    local limit=$1
    shift
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$times" "$mbsand" "$@" --jobs 1 --quiet --no-os-sandbox \
        --set workload.limit="$limit" >/dev/null
    awk '/Collected/ { print $4 }' "$times"
}

# each FEWER MORE SCENARIO [options]
each() {
    local fewer=$1 more=$2
    shift 2
    echo $((($(total "$more" "$@") - $(total "$fewer" "$@")) / (more - fewer)))
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

steps=tests/bench/steps.lua
export REPLICAS POLICY LOAD
LOAD=0.7
head_of "instructions a request" "1 replica" 10 100 "100 to 1"
for POLICY in vllm_v1 round_robin random power_of_two least_loaded; do
    row="| \`$POLICY\` |"
    for REPLICAS in 1 10 100; do
        count=$(each 5000 15000 $steps)
        [ "$REPLICAS" = 1 ] && first=$count
        row+=" $count |"
    done
    echo "$row $(ratio "$count" "$first") |"
done
REPLICAS=1
head_of "instructions a request, 1 replica" "70 % load" "to \`fcfs\`"
first=""
for POLICY in fcfs $(find policies -maxdepth 1 -name '*.lua' -printf '%f\n' | sed 's/\.lua$//' | sort | grep -vx fcfs); do
    if ! "$mbsand" $steps --jobs 1 --quiet --set workload.limit=100 >/dev/null 2>&1; then continue; fi # it needs what is not here
    count=$(each 1000 4000 $steps)
    first=${first:-$count}
    echo "| \`$POLICY\` | $count | $(ratio "$count" "$first") |"
done
# Those that put requests in order, where some wait all the time: the longer the run, the more.
fcfs=()
head_of "instructions a request, 1 replica" "70 % load" "to \`fcfs\`" "95 % load" "to \`fcfs\`"
for POLICY in fcfs andes mlfq plas ltr trail slai scorpio qoserve scls bucketserve a_min mc_sf past_future nested_wait equinox sglang_lpm; do
    row="| \`$POLICY\` |"
    for LOAD in 0.7 0.95; do
        if [ "$POLICY $LOAD" = "mlfq 0.95" ]; then # it breaks down
            row+=" - | - |"
            continue
        fi
        count=$(each 1000 3000 $steps)
        if [ "$POLICY" = fcfs ]; then fcfs[${LOAD#0.}]=$count; fi
        row+=" $count | $(ratio "$count" "${fcfs[${LOAD#0.}]}") |"
    done
    echo "$row"
done
LOAD=0.7
head_of "instructions a request, whole batches, 2 requests/s" count ratio
first=""
for POLICY in static_fifo dynamic_no_bins multi_bin_dynamic; do
    count=$(RATE=2 each 10000 40000 tests/bench/batch.lua)
    first=${first:-$count}
    echo "| \`$POLICY\` | $count | $(ratio "$count" "$first") |"
done
