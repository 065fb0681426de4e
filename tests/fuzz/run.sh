#!/bin/bash
# A short run of every fuzz target, as TAP. SECONDS_EACH says how short; names (fuzz_calls) choose among them.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${SECONDS_EACH:-5}
out=build/lua5.4-fuzz-clang/fuzz
mkdir -p $out
number=0

fuzz() { # fuzz NAME CORPUS OPTIONS...
    local name=$1 corpus=$2
    shift 2
    [ -z "$only" ] || [[ " $only " == *" $name "* ]] || return
    number=$((number + 1))
    mkdir -p "$out/$name-corpus"
    if "$out/$name" -max_total_time="$seconds" -timeout=120 -rss_limit_mb=2048 -artifact_prefix="$out/$name-" "$@" \
        "$out/$name-corpus" "$corpus" >"$out/$name.log" 2>&1; then
        echo "ok $number - $name: $(grep -aoE 'Done [0-9]+ runs' "$out/$name.log")"
    else
        echo "not ok $number - $name"
        tail -n 15 "$out/$name.log" | sed 's/^/# /'
    fi
}

only="$*"
if ! make -s CC=clang BUILD=fuzz fuzz-programs >"$out/build.log" 2>&1; then
    if grep -q libclang_rt "$out/build.log"; then echo "ok 1 - fuzz # skip clang has no fuzzer runtime here"
    else echo "not ok 1 - the fuzz targets do not build" && tail -n 5 "$out/build.log" | sed 's/^/# /'; fi
    exit
fi
fuzz fuzz_trace tests/corpus/csv
fuzz fuzz_jsonl tests/corpus/jsonl
fuzz fuzz_grid tests/corpus/grid
fuzz fuzz_steps tests/corpus/steps
fuzz fuzz_profile tests/corpus/profile
fuzz fuzz_model tests/corpus/model
fuzz fuzz_gpus tests/corpus/gpus
fuzz fuzz_log tests/corpus/log
fuzz fuzz_safetensors tests/corpus/weights
fuzz fuzz_figures tests/corpus/figures
fuzz fuzz_scenario tests/corpus/tables -max_len=6000
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
fuzz fuzz_results "$results" -max_len=40000
fuzz fuzz_case tests/corpus/case -max_len=40000
fuzz fuzz_policy policies
fuzz fuzz_calls tests/corpus/calls -max_len=1500
