#!/bin/bash
# A short run of every fuzz target, as TAP. SECONDS_EACH says how short.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${SECONDS_EACH:-8}
out=build/fuzz
mkdir -p $out
flags="-g -O1 -std=c17 -D_POSIX_C_SOURCE=200809L -DMB_DEBUG -Isrc $(pkg-config --cflags lua5.4 jansson zlib libzstd)"
libraries="$(pkg-config --libs lua5.4 jansson zlib libzstd) -lcsv -lpthread -lm"
number=0

fuzz() { # fuzz NAME CORPUS SOURCES...
    local name=$1 corpus=$2
    number=$((number + 1))
    shift 2
    # shellcheck disable=SC2086 # lists of words
    if ! clang $flags -fsanitize=fuzzer,address,undefined "$@" "tests/fuzz/$name.c" -o "$out/$name" $libraries \
        2>"$out/$name.log"; then
        if grep -q "libclang_rt" "$out/$name.log"; then echo "ok $number - $name # skip clang has no fuzzer runtime here"
        else echo "not ok $number - $name does not build" && tail -n 5 "$out/$name.log" | sed 's/^/# /'; fi
        return
    fi
    mkdir -p "$out/$name-corpus"
    if "$out/$name" -max_total_time="$seconds" -timeout=120 -rss_limit_mb=2048 -artifact_prefix="$out/$name-" \
        "$out/$name-corpus" "$corpus" >"$out/$name.log" 2>&1; then
        echo "ok $number - $name: $(grep -oE 'Done [0-9]+ runs' "$out/$name.log")"
    else
        echo "not ok $number - $name"
        tail -n 15 "$out/$name.log" | sed 's/^/# /'
    fi
}

fuzz fuzz_trace tests/corpus/csv src/base/*.c src/model/kv_table.c src/workload/*.c
fuzz fuzz_jsonl tests/corpus/jsonl src/base/*.c src/model/kv_table.c src/workload/*.c
fuzz fuzz_grid tests/corpus/grid src/base/*.c src/plan/*.c src/model/*.c
fuzz fuzz_steps tests/corpus/steps src/base/*.c src/plan/*.c src/model/*.c
fuzz fuzz_profile tests/corpus/profile src/base/*.c src/plan/*.c src/model/*.c
fuzz fuzz_model tests/corpus/model src/base/*.c src/plan/*.c
fuzz fuzz_gpus tests/corpus/gpus src/base/*.c src/plan/*.c
fuzz fuzz_policy policies src/base/*.c src/plan/*.c src/model/*.c src/workload/*.c src/queue/*.c src/metrics/*.c src/engine/*.c src/sim/*.c src/policy/*.c
