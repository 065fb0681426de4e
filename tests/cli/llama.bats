#!/usr/bin/env bats
# The llama.cpp plugin of the probe, with a model of random weights that the program writes: the loop from steps measured
# to policies that drive the engine. Counts are asserted, never times.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    llama=$("$root/.ci/llama" --cached 2>&1) || skip "$llama"
    [ -e "$(dirname "$MBSAND")/mbsand-probe-llama.so" ] || skip "the llama.cpp plugin is not built (make probe-llama)"
    cat >tiny.json <<'JSON'
{ "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
  "intermediate_size": 96, "vocab_size": 300, "max_position_embeddings": 4096 }
JSON
    cat >live.lua <<'LUA'
local list = {}
for i = 1, 24 do list[i] = { 0, 5 + (i * 7) % 40, 1 + (i * 5) % 13 } end
return scenario {
  workload = requests(list),
  cluster = { kv_block = 16, kv_blocks = 60, token_budget = 48, max_requests = 10, prefix_cache = false },
  latency = latency.step { base = 1e-4, per_token = 2e-5, per_context = 5e-7 },
  policies = { "vllm_v1", "sarathi", "static_fifo" },
}
LUA
    "$MBSAND" probe --model ./tiny.json --write-model tiny.gguf >/dev/null
}

@test "llama.cpp: steps measured, fitted, simulated, and the policies drive the engine" {
    run "$MBSAND" probe --backend llama --model-file tiny.gguf --batch 1,3,8 --seq 8,32 --trials 1 -o steps.csv
    [ "$status" -eq 0 ]
    says "steps.csv is complete; next: mbsand fit steps.csv"
    says "20 cells measured"
    [ "$(grep -vc '^#\|^tokens' steps.csv)" -eq 20 ]
    grep -q '^# mbsand probe: steps of tiny.gguf, llama, file$' steps.csv
    "$MBSAND" fit steps.csv -o law.lua >/dev/null
    sed 's|latency = .*|latency = latency.step(dofile("law.lua")),|' live.lua >calibrated.lua
    run "$MBSAND" calibrated.lua --quiet --live llama --model-file tiny.gguf --out o --dump batches,requests
    echo "$output"
    [ "$status" -eq 0 ]
    # All come at once, so that both worlds take the same steps.
    for policy in vllm_v1 sarathi; do
        steps=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { steps += $at["steps"] } END { print steps }' o/batches-"$policy"*.csv)
        tokens=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { t += $at["prompt_tokens"] + $at["output_tokens"] - 1 } END { print t }' o/requests-"$policy"*.csv)
        says "$policy $steps steps of $tokens tokens, 24 sequences"
    done
    [ "$(grep -c 'e2e_p99_s' <<<"$output")" -eq 3 ]
    says "against the first measure simulated live sarathi ttft_mean_s"
}

@test "llama.cpp: a request that is preempted is computed again; a cached prefix is refused" {
    run "$MBSAND" live.lua --quiet --live llama --model-file tiny.gguf --only vllm_v1 --set cluster.kv_blocks=12 --out o --dump preemptions,requests
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(wc -l <o/preemptions-vllm_v1*.csv)" -gt 1 ]
    sequences=$((24 + $(wc -l <o/preemptions-vllm_v1*.csv) - 1))
    [[ $output == *" steps of "*" tokens, $sequences sequences"* ]]
    sed 's|prefix_cache = false|prefix_cache = true|; s|requests(list)|synthetic { arrivals = arrivals.poisson { rate = 500 }, prompt = lengths.uniform(40, 60), output = lengths.uniform(2, 4), limit = 12, prefix = { tokens = 32, groups = 1 } }|' live.lua >prefix.lua
    run "$MBSAND" prefix.lua --quiet --live llama --model-file tiny.gguf --only vllm_v1
    echo "$output"
    [ "$status" -eq 1 ]
    says "tokens, of which the engine holds 0; it has no prefix cache"
}

@test "llama.cpp: verify goes the whole way" {
    run "$MBSAND" verify --engine llama --model-file tiny.gguf --repeats 2 --seconds 0.2 -p vllm_v1 -p vllm_v0 -o kept
    echo "$output"
    [ "$status" -eq 0 ]
    says "171 of 171 kinds of steps measured"
    says "policy measure simulated live difference live runs vllm_v1 ttft_mean_s"
    says "In service, in a run of its own with other requests, steps took "
    says "vllm_v0 against vllm_v1, mean E2E: "
    says "live runs among each other by up to "
    requests=$(sed -n 's/^\([0-9]*\) requests, Poisson .*/\1/p' <<<"$output")
    # Two policies, twice, each request once; and what the scenario simulates is what the engine computed.
    says ", $((4 * requests)) sequences; device"
    tokens=$("$MBSAND" kept/workload.lua -p vllm_v1 --seed 42 --quiet --out o --dump requests >/dev/null &&
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { t += $at["prompt_tokens"] + $at["output_tokens"] - 1 } END { print t }' o/requests-*.csv)
    says " steps of $((4 * tokens)) tokens, "
    [ -e kept/steps.csv ] && [ ! -e kept/model.gguf ]
    grep -q 'latency.profile "tables" { layers = 1, corrections = "corrections.csv" }' kept/workload.lua
    # Steps of decodes alone, and with prompts, were there.
    grep -q '^0,' kept/corrections.csv && grep -q '^1,' kept/corrections.csv
    # By the clock of the processor nothing is waited for.
    run "$MBSAND" verify --engine llama --model-file tiny.gguf --repeats 1 --seconds 0.2 -p vllm_v1 --clock processor -o cpu
    echo "$output"
    [ "$status" -eq 0 ]
    says "171 of 171 kinds of steps measured"
    says ", idle 0.0 s"
    says "The clock was that of the processor: nothing was waited for."
    grep -q "likeliest tokens, of the processor's time, " cpu/steps.csv
    run "$MBSAND" verify --engine llama --clock sun
    [ "$status" -eq 2 ]
    says "--clock: 'sun' is unknown; there are wall and processor"
    run "$MBSAND" verify --engine vllm
    [ "$status" -eq 2 ]
    says "--engine: 'vllm' is unknown; there are llama and llama-server"
    run "$MBSAND" verify --engine llama --repeats 0
    [ "$status" -eq 2 ]
}

@test "llama-server: its own scheduler under HTTP, beside the policy that simulates it" {
    server=$("$root/.ci/llama" --server --cached 2>&1) || skip "$server"
    run "$MBSAND" verify --engine llama-server --server "$server" --model-file tiny.gguf --repeats 1 --seconds 0.2 --slots 3 -o kept
    echo "$output"
    [ "$status" -eq 0 ]
    says "171 of 171 kinds of steps measured"
    says "policy measure simulated live difference live runs cont-batching ttft_mean_s"
    says "no-cont-batching against cont-batching, mean E2E: "
    # Each request once in both ways, and each of its tokens: what the scenario simulates is what the server answered.
    requests=$(sed -n 's/^\([0-9]*\) requests, Poisson .*/\1/p' <<<"$output")
    tokens=$("$MBSAND" kept/cont-batching.lua --seed 42 --quiet --out o --dump requests >/dev/null &&
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { t += $at["output_tokens"] } END { print t }' o/requests-*.csv)
    says "$((2 * requests)) answers of $((2 * tokens)) tokens, in 3 of 3 slots"
    for way in cont-batching no-cont-batching; do
        [ "$(grep -c '^0,' "kept/$way.csv")" -eq 3 ] && [ "$(grep -c '^1,' "kept/$way.csv")" -eq 7 ]
    done
    wrong() { # wrong SENTENCE ARGUMENTS...
        run "$MBSAND" verify --engine llama-server "${@:2}"
        [ "$status" -eq 2 ]
        says "$1"
        [[ $output != *"kinds of steps"* ]] # before anything is measured
    }
    head -c $(($(stat -c %s tiny.gguf) / 2)) tiny.gguf >cut.gguf
    wrong "llama-server ended at its start, with cut.gguf: " --server "$server" --model-file cut.gguf
    wrong "llama-server cannot be started as ./none: No such file" --server ./none --model-file tiny.gguf
    wrong "llama-server ended at its start, with tiny.gguf: it does not say why" --server false --model-file tiny.gguf
    wrong "--slots: '0' is not a whole number from 1 to 16" --slots 0
    wrong "--policy: the server's scheduler is its own" -p fcfs
    wrong "--clock processor: the server's time is another program's" --clock processor
}

@test "llama.cpp: mistakes" {
    wrong() { # wrong SENTENCE ARGUMENTS...
        run "$MBSAND" "${@:2}"
        [ "$status" -ne 0 ]
        says "$1"
    }
    size=$(stat -c %s tiny.gguf)
    head -c $((size / 2)) tiny.gguf >cut.gguf
    head -c 100 tiny.gguf >stump.gguf
    wrong "llama.cpp cannot load cut.gguf: error loading model: tensor '" probe --backend llama --model-file cut.gguf -o x.csv
    wrong "llama.cpp cannot load stump.gguf: " probe --backend llama --model-file stump.gguf -o x.csv
    wrong "tiny.json is no GGUF file" probe --backend llama --model-file tiny.json -o x.csv
    wrong "none.gguf: cannot be opened" probe --backend llama --model-file none.gguf -o x.csv
    wrong "give --model-file M.gguf" probe --backend llama -o x.csv
    wrong "no --check" probe --backend llama --model-file tiny.gguf --check
    wrong "--model-file is for --backend llama" probe --backend cpu --model ./tiny.json --model-file tiny.gguf -o x.csv
    wrong "301 requests at once are more than the 256 sequences" probe --backend llama --model-file tiny.gguf --batch 300 --seq 4 -o x.csv
    wrong "a file needs more than the 259 of its bytes" probe --model <(sed 's/300/200/' tiny.json) --write-model x.gguf
    wrong "cannot write /nowhere/x.gguf" probe --model ./tiny.json --write-model /nowhere/x.gguf
    [ ! -e x.gguf ] && [ ! -e x.csv ]
    wrong "--policy nobody: there is no policy" verify --engine llama --model-file tiny.gguf -p vllm_v1 -p nobody
    [[ $output != *"kinds of steps"* ]] # before anything is measured
    wrong "llama.cpp cannot load stump.gguf: " verify --engine llama --model-file stump.gguf
    live() { wrong "$1" live.lua --quiet --live llama "${@:2}"; }
    live "--live llama needs --model-file M.gguf"
    live "300 requests at once are more than the 256 sequences" --model-file tiny.gguf --set cluster.max_requests=300
    live "the scenario has more replicas" --model-file tiny.gguf --set cluster.gpus=2
    wrong "--model-file is what --live llama runs" live.lua --model-file tiny.gguf
}

@test "llama.cpp: a plugin of another version of it" {
    mkdir other
    ln -s "$llama/include" "$llama/lib" other/
    echo 0.0.1 >other/version
    make -s -C "$root" CC=gcc LLAMA_DIR="$PWD/other" OUT="$PWD/built" probe-llama
    MBSAND_PROBE=$PWD/built/mbsand-probe-llama.so run "$MBSAND" probe --backend llama --model-file tiny.gguf -o x.csv
    [ "$status" -eq 2 ]
    says "the plugin was built for llama.cpp 0.0.1, and this is $(cat "$llama/version"); run \`make probe-llama\` again"
}

@test "the same seed writes the same model" {
    "$MBSAND" probe --model ./tiny.json --write-model again.gguf >/dev/null
    cmp tiny.gguf again.gguf
}
