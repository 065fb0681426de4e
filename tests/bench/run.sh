#!/bin/bash
# Print every benchmark's figures; nothing here passes or fails.
# usage: tests/bench/run.sh BUILD-FOLDER
set -eu
cd "$(dirname "$0")/../.."
out=$1
requests=${REQUESTS:-10000000}

echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | sed 's/^ *//'), $(nproc) processors"
echo "compiler: $(${CC:-gcc} --version | head -n 1), -O2; $("$out/mbsand" --version)"
echo
"$out/bench/bench_heap"
echo
"$out/bench/bench_policy"
echo
"$out/bench/bench_bare"
echo
echo "batch executor, one thread, stable load (peak memory should not grow with the requests)"
for n in 100000 "$requests"; do
    /usr/bin/env time -f "  whole process: %e s, peak memory %M KB" \
        "$out/mbsand" tests/bench/batch.lua --jobs 1 --quiet --set workload.limit="$n" | grep -vE '^$|^\*|^note'
done
echo
tests/bench/steps.sh "$out/mbsand"
echo
echo "growth: tables for docs/performance.md"
tests/bench/growth.sh "$out/mbsand"
echo
echo "CSV replay, one thread"
awk -v n=2000000 'BEGIN {
    print "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
    srand(1)
    for (i = 0; i < n; i++) {
        p = int(20 + 1000 * rand() * rand()); o = int(5 + 300 * rand() * rand())
        print int(i / 25) ",ChatGPT," p "," o "," p + o ",API log"
    }
}' >build/bench_trace.csv
"$out/mbsand" tests/bench/replay.lua --jobs 1 --quiet | grep -vE '^$|^\*|^note'
rm -f build/bench_trace.csv
echo
echo "start-up"
for command in "--version" "scenarios/burst.lua --quiet"; do
    # shellcheck disable=SC2086
    /usr/bin/env time -f "  mbsand $command: %e s wall, %U s user, %M KB" "$out/mbsand" $command >/dev/null
done
