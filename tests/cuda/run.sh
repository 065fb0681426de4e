#!/bin/bash
# The CUDA plugin without a GPU, as TAP: its sources compiled against tests/cuda/emulated, their arithmetic compared with float64, and
# everything around it with a plugin that is there: the program, its files, the script for a machine with a card.
#   tests/cuda/run.sh MBSAND TEST_PROBE (tests/unit/test_probe.c, built without sanitizers)
set -u
cd "$(dirname "$0")/../.." || exit 1
mbsand=$(realpath "$1") test_probe=$(realpath "$2")
compiler=$(command -v "${CXX:-c++}" || command -v g++ || command -v clang++) ||
    { echo "1..1"; echo "ok 1 - the CUDA plugin by emulation # SKIP no C++ compiler"; exit 0; }
work=$(mktemp -d) number=0
trap 'rm -rf "$work"' EXIT
result() { # result STATUS NAME [FILE with what to show]
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; [ -z "${3:-}" ] || sed 's/^/# /' "$3"; fi
}
bail() { echo "not ok $((number + 1)) - $1"; sed 's/^/# /' "$2"; exit 1; }

# The plugin and the comparison of attention are one library, since the kernels take most of the time to compile.
quiet=$("$compiler" --version | grep -q clang && echo -Wno-pass-failed) # loops that only a GPU's compiler unrolls
"$compiler" -x c++ -std=c++17 -Og -Wall -Wextra -Werror -Wno-unknown-pragmas $quiet -U_FORTIFY_SOURCE -Itests/cuda/emulated -Isrc -shared -fPIC \
    -include src/probe/cuda/probe_cuda.cu -o "$work/emulated.so" tests/cuda/attention.cu >"$work/log" 2>&1 || bail "it compiles" "$work/log"
"$compiler" -o "$work/attention" "$work/emulated.so" -Wl,-rpath,"$work" >"$work/log" 2>&1 || bail "it links" "$work/log"
export MBSAND_PROBE=$work/emulated.so

"$work/attention" >"$work/attention.txt" 2>&1
for precision in bf16 fp16; do
    grep -q "^ok .* attention in $precision" "$work/attention.txt"
    result $? "attention of prompts and decodes in $precision" "$work/attention.txt"
done
for graphs in 1 0; do
    MBSAND_EMULATED_GRAPHS=$graphs CMOCKA_MESSAGE_OUTPUT=tap "$test_probe" >"$work/unit$graphs.txt" 2>&1
    grep -q '^ok [0-9]* - layer_is_right_on_a_gpu' "$work/unit$graphs.txt"
    result $? "layers and head as in float64, $([ $graphs = 1 ] && echo with || echo without) graphs" "$work/unit$graphs.txt"
done

cat >"$work/tiny.json" <<'JSON'
{ "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2,
  "intermediate_size": 32, "vocab_size": 32, "max_position_embeddings": 4096 }
JSON
probe() { "$mbsand" probe --model "$work/tiny.json" --backend cuda --batch 1,2 --seq 4,8 --trials 1 "$@" >"$work/log" 2>&1; }
note="decodes run without CUDA graphs (CUDA: capture: not permitted while a stream is captured)"
probe -o "$work/with.csv" && grep -q '^# device: .*, decodes as CUDA graphs$' "$work/with.csv" && ! grep -q without "$work/with.csv" "$work/log"
result $? "a file of times says that its decodes were graphs" "$work/log"
MBSAND_EMULATED_GRAPHS=0 probe -o "$work/without.csv" && [ "$(grep -cFx "# from here on: $note" "$work/without.csv")" -eq 1 ] &&
    grep -qFx "note: $note" "$work/log" && "$mbsand" fit "$work/without.csv" >"$work/log" 2>&1 && grep -q "latency.step" "$work/log"
result $? "and from where on they were not; it is fitted all the same" "$work/log"
MBSAND_EMULATED_GRAPHS=0 probe --grid profile -o "$work/tables" && grep -qFx "# from here on: $note" "$work/tables/attention.csv"
result $? "so does a profile" "$work/log"

cat >"$work/live.lua" <<'LUA'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 50 }, prompt = lengths.uniform(1, 8), output = lengths.uniform(1, 6), limit = 5 },
  cluster = { gpu = "h200-141gb", model = "./tiny.json", kv_blocks = 50, token_budget = 16, max_requests = 3, prefix_cache = false },
  latency = latency.step { base = 1e-3, per_token = 1e-4 },
  policies = { "vllm_v1", "vllm_v0" },
  seeds = 1,
}
LUA
(cd "$work" && "$mbsand" live.lua --quiet --live cuda) >"$work/log" 2>&1
grep -q "^live on no GPU, but kernels emulated on the CPU, .* decodes as CUDA graphs" "$work/log" && [ "$(grep -c "steps of .* tokens; device" "$work/log")" -eq 2 ]
result $? "a live run" "$work/log"

# The script for a machine with a card, where nvidia-smi and nvcc only say what they would.
mkdir "$work/bin"
cat >"$work/bin/nvidia-smi" <<'SH'
#!/bin/sh
case $* in -L) echo "GPU 0: none (UUID: none)" ;; *compute_cap*) echo 9.0 ;; *) echo "no card, 0 MiB, 0" ;; esac
SH
cat >"$work/bin/nvcc" <<SH
#!/bin/sh
case \$* in
--version) echo "Cuda compilation tools, none" ;;
*attention.cu*) for word; do last=\$out out=\$word; [ "\$last" = -o ] && cp "$work/attention" "\$word"; done; exit 0 ;;
*peak.cu*) for word; do last=\$out out=\$word; [ "\$last" = -o ] && printf '#!/bin/sh\necho 1000.0 100.0\n' >"\$word" && chmod +x "\$word"; done; exit 0 ;;
*) exit 1 ;;
esac
SH
# What has run above is not run again; shapes of thousands of tokens, and times, only a card is fast enough for.
cat >"$work/bin/attention" <<SH
#!/bin/sh
case \$1 in times) echo "4096 0 1.0 50.0" ;; *) cat "$work/\${ATTENTION:-attention.txt}"; ! grep -q '^not ok' "$work/\${ATTENTION:-attention.txt}" ;; esac
SH
printf '#!/bin/sh\ncat "%s"\n' "$work/unit1.txt" >"$work/bin/test_probe"
chmod +x "$work"/bin/*
cp "$work/bin/attention" "$work/attention"
sed 's/^ok 1/not ok 1/' "$work/attention.txt" >"$work/wrong.txt"
check() { # check VARIABLES...
    env PATH="$work/bin:$PATH" NVCC="$work/bin/nvcc" PLUGIN="$work/emulated.so" MBSAND="$mbsand" MODELS="$work/tiny.json" BATCHES=1..3 LENGTHS=4,8 \
        SECONDS_LIVE=0 OUT="$work/checked" TEST_PROBE="$work/bin/test_probe" "$@" tests/gpu_check.sh >"$work/log" 2>&1
}
check ATTENTION=wrong.txt
[ $? -eq 1 ] && grep -q "attention does not agree" "$work/log" && grep -q "Nothing was timed" "$work/log" && [ ! -e "$work/checked/tiny-steps.csv" ]
result $? "gpu_check.sh: kernels that are wrong are not timed" "$work/log"
check MODELS="$work/tiny.json $work/none.json"
[ $? -eq 1 ] && grep -q "Something failed" "$work/log" && [ -e "$work/checked/unfinished" ] && cp "$work/checked/tiny-steps.csv" "$work/first.csv" &&
    grep -q "agrees .* with decodes as graphs" "$work/log" && grep -q "50.0 TFLOP/s, 50 % of the product's" "$work/log"
result $? "gpu_check.sh: a check of which a part fails" "$work/log"
check && grep -q "goes on with rows of an earlier check" "$work/log" && cmp "$work/first.csv" "$work/checked/tiny-steps.csv" &&
    [ ! -e "$work/checked/unfinished" ] && grep -q "tiny-steps: 14 cells" "$work/log" && grep -q "Everything was done" "$work/log"
result $? "gpu_check.sh: the same command goes on to its end" "$work/log"
echo "1..$number"
