#!/bin/bash
# All that needs a graphics card, in at most ten minutes: attention and the whole plugin, with its graphs, against references in float64;
# only if they agree steps and batches of two models, how near they come to a copy and to a large product, the laws fitted, and a live
# run beside its simulation. What was measured lies in build/gpu-check afterwards: CSVs, summary.md. (make gpu-check)
# The same command goes on where it was interrupted, or where the time was up, on the same card with the same program.
#   MODELS="qwen3-1.7b llama-3.1-8b"  BUDGET=60 (seconds for each grid)  LIMIT=600 (for all: late grids get less)  OUT=build/gpu-check
#   BACKEND=cpu tries the script itself, without a card and without what only a card can show; PLUGIN, TEST_PROBE: of other builds;
#   SECONDS_LIVE=0: no live run.
set -u
cd "$(dirname "$0")/.." || exit 1
backend=${BACKEND:-cuda} models=${MODELS:-qwen3-1.7b llama-3.1-8b} budget=${BUDGET:-60} limit=${LIMIT:-600} out=${OUT:-build/gpu-check}
batches=${BATCHES:-1..8,12,16,24,32,48,64,96,128} lengths=${LENGTHS:-128,512,2048,4096}
mbsand=${MBSAND:-build/lua5.4-release-gcc/mbsand} folder=build/lua5.4-release-gcc
nvcc=${NVCC:-$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)}
fail() { echo "gpu-check: $1" >&2; exit 1; }
failed=0
note() { printf "%s\n" "$@" | tee -a "$out/summary.md"; }

if [ "$backend" = cuda ]; then
    nvidia-smi -L >/dev/null 2>&1 || fail "no NVIDIA GPU here (nvidia-smi finds none); nothing was checked"
    jq --version >/dev/null 2>&1 || fail "jq is needed"
    [ -n "$nvcc" ] || fail "nvcc is needed to build the plugin; set NVCC=/path/to/nvcc"
fi
mkdir -p "$out" || exit 1
[ -n "${MBSAND:-}" ] || make -s -j"$(nproc)" CC=gcc all || exit 1
# Rows are kept that a check of the same has left unfinished.
of="$backend, $("$mbsand" --version | head -n 1), $(sha256sum "$mbsand" src/probe/cuda/* | sha256sum | cut -c 1-16), $(nvidia-smi -L 2>/dev/null | head -n 1)"
[ "$(cat "$out/unfinished" 2>/dev/null)" = "$of" ] || rm -f "$out"/*.csv
rm -f "$out"/*.lua "$out"/*.md "$out"/*.txt
echo "$of" >"$out/unfinished"
note "# GPU check" "" "$(date -u +%Y-%m-%d), $("$mbsand" --version | head -n 1)" ""
compgen -G "$out/*.csv" >/dev/null && note "- goes on with rows of an earlier check of the same"

copy=- gemm=-
if [ "$backend" = cuda ]; then
    query() { nvidia-smi --query-gpu="$1" --format=csv,noheader | head -n 1; }
    note "- $(query name,memory.total,driver_version), $("$nvcc" --version | sed -n 's/^Cuda.*, //p')"
    own=$(query compute_cap | tr -dc 0-9) # no time for other cards' code
    plugin=${PLUGIN:-$PWD/$folder/mbsand-probe-cuda.so} # the one that the program is to take, whatever else is there
    export MBSAND_PROBE=$plugin
    unit=${TEST_PROBE:-$folder/tests/test_probe}
    targets=()
    [ -n "${PLUGIN:-}" ] && note "- the plugin was given: $PLUGIN" || targets+=(probe)
    [ -n "${TEST_PROBE:-}" ] || targets+=("$unit")
    [ ${#targets[@]} = 0 ] || make -s -j"$(nproc)" CC=gcc NVCC="$nvcc" ${own:+CUDA_ARCHS="$own"} "${targets[@]}" || exit 1
    # Two compilers side by side: each is one thread.
    "$nvcc" -O3 -std=c++17 -arch=native -Isrc -o "$out/attention" tests/cuda/attention.cu &
    "$nvcc" -O3 -std=c++17 -arch=native -o "$out/peak" src/probe/cuda/peak.cu -lcublas || fail "peak.cu does not compile"
    wait $! || fail "tests/cuda/attention.cu does not compile"
    if "$out/attention" large >"$out/attention.txt" 2>&1; then note "- attention agrees with float64, $(sed -n 's/^ok.* - attention in \([a-z0-9]*\): \(.*\)/\1: \2;/p' "$out/attention.txt" | tr '\n' ' ')"
    else note "- **attention does not agree with the reference in float64** (attention.txt)"; failed=1; fi
    CMOCKA_MESSAGE_OUTPUT=tap "$unit" >"$out/unit.txt" 2>&1
    if grep -q '^ok [0-9]* - layer_is_right_on_a_gpu' "$out/unit.txt"; then note "- the plugin agrees with the reference in float64, with decodes as graphs"
    elif grep -q 'SKIP layer_is_right_on_a_gpu' "$out/unit.txt"; then note "- **the plugin was not compared with the reference**: $(grep -m 1 plugin "$out/unit.txt")"; failed=1
    else note "- **the plugin does not agree with the reference in float64** (unit.txt)"; failed=1; fi
    [ "$failed" = 0 ] || { note "" "**Nothing was timed**: times of wrong results say nothing."; exit 1; }
    read -r copy gemm < <("$out/peak") || fail "the GPU could not be measured"
    note "- a copy: $copy GB/s; a product of 8,192 x 8,192 in bf16: $gemm TFLOP/s"
    "$out/attention" times >"$out/times.txt" || fail "attention could not be timed"
    while read -r tokens context ms rate; do
        note "- attention of $tokens tokens after $context, 32 heads of 128: $ms ms, $rate TFLOP/s, $(awk "BEGIN { printf \"%.0f\", 100 * $rate / $gemm }") % of the product's"
    done <"$out/times.txt"
fi

# weights MODEL.json: how many, in the layers and the head.
weights() {
    jq '(.head_dim // (.hidden_size / .num_attention_heads)) as $d |
        .num_hidden_layers * (.hidden_size * $d * 2 * (.num_attention_heads + .num_key_value_heads)
        + 3 * .hidden_size * .intermediate_size) + .hidden_size * .vocab_size' "$1"
}

# What a grid may take: its budget, or its part of the time that is left beside the live runs (half a minute for each model).
share() {
    local left=$(((limit - SECONDS - 30 * to_do) / (2 * to_do)))
    echo $((left < 1 ? 1 : left < budget ? left : budget))
}

# measure NAME GRID OPTIONS...: a grid, and the law of it.
measure() {
    "$mbsand" probe --model "$model" --backend "$backend" --grid "$2" --budget "$(share)" --batch "$batches" --seq "$lengths" \
        --quiet -o "$out/$1.csv" >"$out/$1.txt" || { note "- **$1: the probe failed** ($1.txt)"; failed=1; return 1; }
    "$mbsand" fit "$out/$1.csv" -o "$out/$1.lua" "${@:3}" >>"$out/$1.txt" || { note "- **$1: no fit** ($1.txt)"; failed=1; return 1; }
    note "- $1: $(grep -vc '^#\|^[a-z]' "$out/$1.csv") cells$(sed -n 's/^\([0-9]* cells\) are still to be measured.*/ (no time for \1)/p' "$out/$1.txt"); $(sed -n 's/^ *MAPE *\([0-9.]* %\).*/mean error of the fit \1/p' "$out/$1.txt" | head -n 1)"
}

to_do=$(wc -w <<<"$models")
for model in $models; do
    file=$model
    [ -e "$file" ] || file=data/models/$model.json
    name=$(basename "$model" .json) count=$(weights "$file")
    note "" "## $name" ""
    measure "$name-steps" steps --split || { to_do=$((to_do - 1)); continue; }
    measure "$name-batches" batches
    # The smallest decode reads every weight once; the longest chunk computes with each for each of its tokens.
    awk -F, -v weights="$count" -v copy="$copy" -v gemm="$gemm" -v bytes="$([ "$backend" = cpu ] && echo 4 || echo 2)" '
        /^#/ { next }
        /^tokens/ { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["decodes"] == 1 && !$at["chunk"] && (!one || $at["time_s"] < one) { one = $at["time_s"] }
        !$at["decodes"] && !$at["prefix"] && $at["tokens"] > most { most = $at["tokens"]; time = $at["time_s"] }
        function share(x, of) { return of == "-" ? "" : sprintf(", %.0f %% of the best", 100 * x / of) }
        END {
            if (one) { x = bytes * weights / one / 1e9; printf "- one decode: %.2f ms, weights at %.1f GB/s%s\n", 1e3 * one, x, share(x, copy) }
            if (time) { x = 2 * weights * most / time / 1e12; printf "- a prompt of %d tokens: %.1f ms, %.3f TFLOP/s%s\n", most, 1e3 * time, x, share(x, gemm) }
        }' "$out/$name-steps.csv" | tee -a "$out/summary.md"
    # At half of what the law says that batches of eight can do; the live run takes about ten seconds.
    cat >"$out/$name.lua" <<LUA
local law = dofile "$(realpath "$out")/$name-steps.lua"
local p = law.prompts or law
local request_s = 128 * p.per_token + 64 * (law.base / 8 + law.per_token + law.per_context * 160)
local rate = 0.5 / request_s
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = rate }, prompt = lengths.uniform(1, 255),
    output = lengths.uniform(1, 127), limit = math.floor(math.max(20, math.min(500, ${SECONDS_LIVE:-10} * rate))) },
  cluster = { gpu = "h200-141gb", model = "$(realpath "$file")", kv_blocks = 2048, kv_block = 16, token_budget = 512,
    max_requests = 64, prefix_cache = false },
  latency = latency.step(law),
  policies = { "vllm_v1", "vllm_v0" },
  seeds = 1,
}
LUA
    if [ "${SECONDS_LIVE:-10}" = 0 ]; then note "- no live run was asked for"
    elif "$mbsand" "$out/$name.lua" --quiet --live "$backend" >"$out/$name-live.txt" 2>&1; then
        { echo; echo '```'; sed -n '/^live on/,$p' "$out/$name-live.txt"; echo '```'; } | tee -a "$out/summary.md"
    else note "- **the live run failed** ($name-live.txt)"; failed=1; fi
    to_do=$((to_do - 1))
done
grep -q 'no time for' "$out/summary.md" || [ "$failed" = 1 ] || rm "$out/unfinished"
note "" "$(if [ "$failed" = 0 ]; then echo "Everything was done"; else echo "**Something failed**"; fi) in $SECONDS s."
exit "$failed"
