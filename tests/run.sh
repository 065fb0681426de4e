#!/bin/bash
# Build every variant and run every test; the last line is "N passed, N failed".
# Each suite speaks TAP; one that fails without saying "not ok" counts as a failure of its own. As many suites run
# at a time as there are processors; no test may depend on how fast it runs.
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc)
passed=0 failed=0 skipped=0
log=build/test-logs
mkdir -p "$log"

TIMEFORMAT='%U %S'
cpu_seconds() { # cpu_seconds FILE COMMAND...: run it; FILE gets the seconds of CPU that it took
    local file=$1
    shift
    { time "$@" 2>&3; } 3>&2 2>"$file.times"
    set -- $? "$file"
    awk '{ print $1 + $2 }' "$2.times" >"$2" && rm "$2.times"
    return "$1"
}

count() { # count NAME LOG EXIT_STATUS
    local ok not_ok skip
    skip=$(grep -ciE '^(not )?ok .*# skip' "$2") # cmocka says "not ok ... # SKIP"
    ok=$(grep -E '^ok ' "$2" | grep -cviE '# skip')
    not_ok=$(grep -E '^not ok ' "$2" | grep -cviE '# skip')
    if [ "$3" -ne 0 ] && [ "$not_ok" -eq 0 ]; then not_ok=1; fi
    passed=$((passed + ok)) failed=$((failed + not_ok)) skipped=$((skipped + skip))
    printf '%-47s %4d passed, %d failed, %d skipped %6.0f s\n' "$1" "$ok" "$not_ok" "$skip" "$(cat "$2.cpu" 2>/dev/null || echo 0)"
    if [ "$not_ok" -gt 0 ]; then grep -vE '^ok ' "$2" | head -n 60 | sed 's/^/    /'; fi
}

names=() files=() shown=0

# Print the suites that have ended, in the order in which they were started.
show_ended() {
    while [ "$shown" -lt "${#files[@]}" ] && [ -e "${files[$shown]}.status" ]; do
        count "${names[$shown]}" "${files[$shown]}" "$(cat "${files[$shown]}.status")"
        shown=$((shown + 1))
    done
}

suite() { # suite NAME COMMAND...
    local name=$1 file
    file="$log/$(printf '%s' "$name" | tr ' /' '__').log"
    shift
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    show_ended
    rm -f "$file.status"
    names+=("$name") files+=("$file")
    {
        cpu_seconds "$file.cpu" "$@" >"$file" 2>&1 </dev/null
        echo $? >"$file.part"
        mv "$file.part" "$file.status"
    } &
}

build() { # build NAME MAKE-ARGUMENTS...
    local name=$1
    shift
    if cpu_seconds "$log/built.log.cpu" make -j"$jobs" "$@" >"$log/build.log" 2>&1; then echo "ok 1 - $name" >"$log/built.log"
    else { echo "not ok 1 - $name"; tail -n 30 "$log/build.log"; } >"$log/built.log"; fi
    count "build: $name" "$log/built.log" 0
}

export CMOCKA_MESSAGE_OUTPUT=tap
export UBSAN_OPTIONS=print_stacktrace=1

# Statistics need millions of requests, and growth large runs: those run at full speed, every other unit test under the
# sanitizers, and no test is built that is not run.
at_speed="test_growth test_multi_bin_theory test_queueing"
under_sanitizers=$(basename -s .c tests/unit/test_*.c | grep -vxF "${at_speed// /$'\n'}" | tr '\n' ' ')
build "gcc, Lua 5.4, release" CC=gcc all unit TESTS="$at_speed test_probe" # which the emulated plugin wants without sanitizers
build "gcc, LuaJIT, release" CC=gcc LUA=luajit all
build "clang, Lua 5.4, release: its warnings" CC=clang warnings # what fuzzing needs it builds itself
build "gcc, Lua 5.4, ASan + UBSan, invariants" CC=gcc BUILD=asan all unit TESTS="$under_sanitizers"
build "gcc, LuaJIT, ASan + UBSan, invariants" CC=gcc BUILD=asan LUA=luajit all
build "gcc, Lua 5.4, TSan, invariants" CC=gcc BUILD=tsan all
# The CUDA plugin can be built without a GPU, where its compiler is.
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
[ -n "$nvcc" ] && build "nvcc, the CUDA plugin of the probe" CC=gcc NVCC="$nvcc" probe
# The llama.cpp plugin, with what .ci/llama keeps outside the tree; where that cannot be had its tests say why.
llama=$(.ci/llama 2>"$log/llama") && build "the llama.cpp plugin of the probe" CC=gcc LLAMA_DIR="$llama" probe-llama
if pkg-config --exists ompi-c && command -v mpirun >/dev/null; then build "gcc, Lua 5.4, Open MPI" CC=gcc MPI=1 all; fi
# The page in a browser, where Emscripten is, and what `make playground-sources` fetched: no test asks a network.
if command -v emcc >/dev/null && [ -e "${XDG_CACHE_HOME:-$HOME/.cache}/mbsand-playground/package-lock.json" ]; then
    build "Emscripten, the page in a browser" CC=gcc playground
fi
make -s CC=gcc all >/dev/null # build/mbsand is the release build again

release=build/lua5.4-release-gcc asan=build/lua5.4-asan-gcc
export MBSAND=$PWD/$release/mbsand
export MBSAND_LUAJIT=$PWD/build/luajit-release-gcc/mbsand
export MBSAND_ASAN=$PWD/$asan/mbsand
export MBSAND_ASAN_LUAJIT=$PWD/build/luajit-asan-gcc/mbsand
export MBSAND_TSAN=$PWD/build/lua5.4-tsan-gcc/mbsand

# The longest first, so that nothing waits for it at the end.
suite "attacks (LuaJIT, ASan)" lua5.4 tests/sandbox/attacks.lua "$MBSAND_ASAN_LUAJIT" luajit 240 together
suite "attacks (Lua 5.4, ASan)" lua5.4 tests/sandbox/attacks.lua "$MBSAND_ASAN" 5.4 240 together
suite "attacks (LuaJIT)" lua5.4 tests/sandbox/attacks.lua "$MBSAND_LUAJIT" luajit
suite "attacks (Lua 5.4)" lua5.4 tests/sandbox/attacks.lua "$MBSAND" 5.4
suite "fuzz" tests/fuzz/run.sh
suite "faults" lua5.4 tests/faults/faults.lua
for name in $at_speed; do suite "unit: $name" "$release/tests/$name"; done
suite "cuda: the plugin by emulation" tests/cuda/run.sh "$MBSAND" "$release/tests/test_probe"
for name in $under_sanitizers; do suite "unit: $name (ASan)" "$asan/tests/$name"; done
for test in tests/lua/test_*.lua; do
    suite "lua: $(basename "$test" .lua) (Lua 5.4)" lua5.4 "$test"
    # Those that run the program would run the same one again. The compiler of Debian's LuaJIT snapshot now and then
    # miscompiles the oracle; mbsand itself runs with it off too.
    grep -qE 'require "program"|getenv "MBSAND"|getenv\("MBSAND"\)' "$test" && continue
    suite "lua: $(basename "$test" .lua) (LuaJIT)" luajit -joff "$test"
done
suite "oracle: 420 random comparisons" lua5.4 tests/oracle/compare.lua
MBSAND=$MBSAND_ASAN suite "oracle: with invariants" lua5.4 tests/oracle/compare.lua 40 2
suite "oracle: steps, worked and random" lua5.4 tests/oracle/compare_steps.lua 60 5
MBSAND=$MBSAND_ASAN suite "oracle: steps with invariants" lua5.4 tests/oracle/compare_steps.lua 12 2
suite "oracle: plain steps = their hooks written out" lua5.4 tests/oracle/plain.lua 15
MBSAND=$MBSAND_LUAJIT suite "oracle: plain steps (LuaJIT)" lua5.4 tests/oracle/plain.lua 8 2
suite "oracle: policies by hand" lua5.4 tests/oracle/policies.lua
suite "oracle: pipelines by hand" lua5.4 tests/oracle/pipeline.lua
suite "oracle: links, and tandems" lua5.4 tests/oracle/links.lua
suite "oracle: promises by hand" lua5.4 tests/oracle/policies_promises.lua
suite "oracle: fair policies by hand" lua5.4 tests/oracle/policies_fair.lua
suite "oracle: routers by hand" lua5.4 tests/oracle/policies_routers.lua
suite "oracle: clusters by hand" lua5.4 tests/oracle/policies_cluster.lua
suite "oracle: laws of the affine engine" lua5.4 tests/oracle/affine_law.lua
suite "jumping = stepping, 1,000 triples" lua5.4 tests/oracle/fast_forward.lua 1000 1 "$MBSAND"
suite "jumping = stepping, clusters" lua5.4 tests/oracle/fast_forward.lua 30 11 "$MBSAND" cluster
suite "jumping = stepping, with invariants" lua5.4 tests/oracle/fast_forward.lua 250 2 "$MBSAND_ASAN"
suite "jumping = stepping, changes from every callback" lua5.4 tests/oracle/fast_forward.lua 80 3 "$MBSAND_ASAN" meddle
suite "oracle: no policy beats the bound" lua5.4 tests/oracle/bound.lua 100
suite "fidelity: measured runs of vLLM" lua5.4 tests/fidelity/run.lua
suite "fidelity: a mixture of experts" lua5.4 tests/fidelity/experts.lua
suite "fidelity: loads left out of a fit" lua5.4 tests/fidelity/loads.lua
suite "fidelity: fits of served sweeps" lua5.4 tests/fidelity/served.lua
suite "fidelity: the roofline" lua5.4 tests/fidelity/roofline.lua
suite "fidelity: closed batches" lua5.4 tests/fidelity/batches.lua
for test in tests/cli/*.bats tests/sandbox/*.bats; do
    suite "cli: $(basename "$test" .bats)" bats --tap "$test"
done
suite "style: floors and formats" tests/style.sh
wait
show_ended

if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"
else echo "$passed passed, $failed failed"; fi
[ "$failed" -eq 0 ]
