#!/bin/bash
# Print every benchmark's figures, as the tables of docs/performance.md and in its order; nothing here passes or fails.
# usage: tests/bench/run.sh BUILD-FOLDER
# REQUESTS=1000000: a tenth of the long runs; SCALE=10: of those of the growth tables.
set -eu
cd "$(dirname "$0")/../.."
out=$1
mbsand=$out/mbsand
. tests/bench/figures.sh

echo "machine: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | sed 's/^ *//'), $(nproc) processors"
echo "compiler: $(${CC:-gcc} --version | head -n 1), -O2; $("$mbsand" --version)"
printf '\n## Event heap\n\n'
"$out/bench/bench_heap"
printf '\n## The price of Lua\n\n'
"$out/bench/bench_policy"
printf '\n## Beside a bare loop\n\n'
"$out/bench/bench_bare"
printf '\n## The batch executor\n'
tests/bench/batches.sh "$mbsand"
printf '\n## Continuous batching\n'
tests/bench/steps.sh "$mbsand"
printf '\n## Growth\n'
tests/bench/growth.sh "$mbsand"
printf '\n## In instructions\n'
if command -v valgrind >/dev/null; then
    tests/bench/instructions.sh "$mbsand"
else
    printf '\nvalgrind is not installed.\n'
fi
printf '\n## Traces, start-up\n'
awk -v n=2000000 'BEGIN {
    print "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
    srand(1)
    for (i = 0; i < n; i++) {
        p = int(20 + 1000 * rand() * rand()); o = int(5 + 300 * rand() * rand())
        print int(i / 25) ",ChatGPT," p "," o "," p + o ",API log"
    }
}' >build/bench_trace.csv
head_of what "" # the second column names its own unit
figures sim_requests_per_s tests/bench/replay.lua | awk '{ printf "| a BurstGPT file of 2 million rows, replayed | %.1f million rows/s |\n", $1 / 1e6 }'
rm -f build/bench_trace.csv
for command in "--version" "scenarios/burst.lua --quiet"; do
    # shellcheck disable=SC2086
    /usr/bin/env time -f "%U %S" "$mbsand" $command 2>&1 >/dev/null | tail -n 1 |
        awk -v c="$command" '{ printf "| `mbsand %s` | %.2f s of processor time |\n", c, $1 + $2 }'
done
