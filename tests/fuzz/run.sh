#!/bin/bash
# A short run of every fuzz target, as TAP: from one seed, so that each time nearly the same is tried (hash tables have
# seeds of their own) and what fails here failed for whoever wrote it. With SECONDS_EACH=3600 others each time, for so
# long, that go on from what an earlier run found. Names (fuzz_calls) choose among the targets.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=build/lua5.4-fuzz-clang/fuzz
mkdir -p $out
number=0

fuzz() { # fuzz NAME RUNS CORPUS OPTIONS...: about five seconds, except that it ends with what is wrong
    local name=$1 runs=$2 corpus=$3 how
    shift 3
    [ -z "$only" ] || [[ " $only " == *" $name "* ]] || return
    number=$((number + 1))
    if [ -n "${SECONDS_EACH:-}" ]; then
        mkdir -p "$out/$name-corpus"
        how=("-max_total_time=$SECONDS_EACH" "$out/$name-corpus" "$corpus")
    else # in an order that no file system makes
        how=(-seed=1 "-runs=$runs" "-seed_inputs=$(find "$corpus" -type f | LC_ALL=C sort | paste -sd ,)")
    fi
    if "$out/$name" -timeout=120 -rss_limit_mb=2048 -artifact_prefix="$out/$name-" "$@" "${how[@]}" >"$out/$name.log" 2>&1; then
        echo "ok $number - $name: $(grep -aoE 'Done [0-9]+ runs' "$out/$name.log")"
    else
        echo "not ok $number - $name"
        grep -aE -A8 'ERROR|SUMMARY|runtime error' "$out/$name.log" | head -n 25 | sed 's/^/# /'
        tail -n 4 "$out/$name.log" | sed 's/^/# /'
    fi
}

only="$*"
if ! make -s CC=clang BUILD=fuzz fuzz-programs >"$out/build.log" 2>&1; then
    if grep -q libclang_rt "$out/build.log"; then echo "ok 1 - fuzz # skip clang has no fuzzer runtime here"
    else echo "not ok 1 - the fuzz targets do not build" && tail -n 5 "$out/build.log" | sed 's/^/# /'; fi
    exit
fi
fuzz fuzz_trace 500 tests/corpus/csv
fuzz fuzz_jsonl 350 tests/corpus/jsonl
fuzz fuzz_grid 15000 tests/corpus/grid
fuzz fuzz_steps 14000 tests/corpus/steps
fuzz fuzz_profile 5000 tests/corpus/profile
fuzz fuzz_model 10000 tests/corpus/model
fuzz fuzz_gpus 12000 tests/corpus/gpus
fuzz fuzz_log 18000 tests/corpus/log
fuzz fuzz_safetensors 10000 tests/corpus/weights
fuzz fuzz_figures 17000 tests/corpus/figures
fuzz fuzz_scenario 800 tests/corpus/tables -max_len=6000
# A database of results as the program writes them today, small: whatever their format is, the target starts inside of it.
results=$out/fuzz_results-seed
if [ -z "$only" ] || [[ " $only " == *" fuzz_results "* ]]; then
    mbsand=$(realpath "${MBSAND:-build/mbsand}")
    rm -rf "$results" && mkdir "$results"
    (cd "$results" && sed 's/limit = 300/limit = 60/' "$OLDPWD/tests/sandbox/small.lua" >s.lua &&
        "$mbsand" sweep s.lua --over cluster.gpus=1,2 --seeds 2 --db small.db -q &&
        sqlite3 small.db "UPDATE inputs SET text = 'x' WHERE text IS NOT NULL; PRAGMA page_size = 512; VACUUM" &&
        "$mbsand" show small.db && rm s.lua) >"$out/seed.log" 2>&1 ||
        { echo "not ok - fuzz_results has no database to start from" && sed 's/^/# /' "$out/seed.log"; }
fi
fuzz fuzz_results 500 "$results" -max_len=40000
fuzz fuzz_case 2000 tests/corpus/case -max_len=40000
fuzz fuzz_policy 250 policies
fuzz fuzz_calls 40 tests/corpus/calls -max_len=1500
