#!/usr/bin/env bats
# mbsand plan from the command line: what it answers, what it refuses; and clusters by name in scenarios.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cat >cluster.lua <<'LUA'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = 600, output = 200, limit = 500 },
  cluster = { gpu = "h100-80gb", model = "llama-3-8b", tp = 2, gpus = 8 },
  policies = { "vllm_v1" },
  seeds = 2,
  columns = { "tpot_mean_s", "usd_per_mtok" },
}
LUA
}

plan() { run "$MBSAND" plan "$@"; }

value() { # value COLUMN: of the first row of the CSV in $output
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i } NR == 2 { print $column }' <<<"$output"
}

@test "one combination: the budget, the formula, users, context, GPUs" {
    plan --model llama-3-8b --gpu h100-80gb --context 8k --batch 8
    [ "$status" -eq 0 ]
    says "rules vllm 0.21 or later"
    says "W weights 14.96 GiB 18.9 %"
    says "K KV memory 8.00 GiB 10.1 % 8 users with 8,192 tokens"
    says "131,072 = 2 (K and V) x 32 layers x 8 KV heads x 128 x 2 bytes"
    says "54 with 8,192 tokens, in a pool of 448,832 (28,052 blocks of 16)"
    says "plus or minus 5 % in 28 of 31 deployments"
    says "longest context 8,192 tokens: max_position_embeddings"
    says "GPUs needed 1 (1 node of 8)"
    # the bar is as long as its line, and the parts fill it
    [ "$(sed -n 2p <<<"$output" | wc -c)" -eq 79 ]
}

@test "what does not fit says by how much, and on how many GPUs it would" {
    plan --model llama-3-70b --gpu h100-80gb
    [ "$status" -eq 0 ]
    says "It does not fit: 62.44 GiB per GPU too little for the weights"
    says "GPUs needed 2 (1 node of 8)"
    plan --model llama-3-8b --gpu h100-80gb --rules mlsysim --memory 80GB --context 64k --batch 8
    says "too little for these users"
    says "warning: llama-3-8b was made for at most 8192 tokens"
}

@test "the rules differ, and blocks can be set outright" {
    plan --model llama-3-8b --gpu h100-80gb --rules kaito --format csv
    [ "$(value pool_tokens)" -eq 445999 ]
    plan --model llama-3-8b --gpu h100-80gb --rules mlsysim --format csv
    [ "$(value pool_tokens)" -eq 532827 ]
    plan --model llama-3-8b --gpu h100-80gb --blocks 2588 --format csv
    [ "$(value pool_tokens)" -eq 41408 ]
    plan --model llama-3-8b --gpu h100-80gb --rules mlsysim --precision int8 --format csv
    [ "$(value kv_bytes_per_token)" -eq 65536 ]
}

@test "sweeps as a table, as CSV, JSON and Markdown" {
    plan --model llama-3-8b --gpu h100-80gb --rules mlsysim --context 512..131072:x2 --batch 8
    says "65,536 8 14.96 64.00 78.96 98.7 % 8 1 fits"
    says "131,072 8 14.96 128.00 142.96 178.7 % 4 2 no: KV"
    plan --model llama-3-8b --gpu h100-80gb --context 1k,2k --batch 1..7:3 --format csv
    [ "$(wc -l <<<"$output")" -eq 7 ]
    plan --model llama-3-8b --gpu h100-80gb --context 1k,2k --latency --format json
    python3 -c 'import json, sys
rows = json.load(sys.stdin)
assert [r["context"] for r in rows] == [1024, 2048] and rows[0]["fits"] is True
assert 0.02 < rows[0]["ttft_s"] < 0.05 and 0.004 < rows[0]["tpot_s"] < 0.008' <<<"$output"
    plan --model llama-3-8b --gpu h100-80gb --format md
    says "| context | users | weights |"
    says "Pools are estimates: plus or minus 5 % in 28 of 31 deployments on one GPU."
}

@test "a roofline says how far off it was, in every format" {
    plan --model llama-2-70b --gpu h100-80gb --tp 8 --context 640 --latency
    [ "$status" -eq 0 ]
    says "+- 10 %, TPOT 11.9 ms +- 16 %,"
    says "warning: times are a roofline's (engine: graphs), 10 and 16 % off in the median on measurements that were left out"
    plan --model llama-2-70b --gpu h100-80gb --tp 8 --context 640 --latency --format csv
    [ "$(value ttft_error)" = 0.098000000000000004 ] && [ "$(value tpot_error)" = 0.16 ]
    plan --model llama-2-70b --gpu h100-80gb --tp 8 --context 640 --latency --format json --engine eager
    python3 -c 'import json, sys
row = json.load(sys.stdin)[0]
assert 0.0297 < row["tpot_s"] < 0.035 and row["tpot_error"] > 0.2 and any("eager" in w for w in row["warnings"])' <<<"$output"
    plan --model llama-3.1-8b --gpu rtx-4090-24gb --latency
    says "nobody measured this one"
    plan --model llama-3.1-8b --gpu h100-80gb --latency --bandwidth 0.5
    says "nobody knows how far off it is"
    ! grep -q -- "TTFT .* +- " <<<"$output"
    plan --model mixtral-8x7b-v0.1 --gpu h100-80gb --tp 2 --latency
    says "for mixtures of experts and other precisions its error is not known"
    plan --model llama-3.1-8b --gpu h100-80gb --latency --engine fast
    [ "$status" -eq 2 ]
    says '--engine is "fast"; expected graphs (of today) or eager (of 2023)'
    run "$MBSAND" cluster.lua
    says "step times are a roofline's: prompts 10 %, decodes 16 % off in the median"
    "$MBSAND" cluster.lua --quiet --format json | python3 -c 'import json, sys
assert "decodes 16 %" in json.dumps(json.load(sys.stdin))'
    sed 's/model = "[^"]*"/model = "qwen3-30b-a3b"/' cluster.lua >mixture.lua
    run "$MBSAND" mixture.lua
    says "warning: step times are a roofline's"
    says "for mixtures of experts and other precisions its error is not known"
}

@test "pages: simulated beside the formula" {
    plan --model llama-3-8b --gpu h100-80gb --context 4096 --page 16,2048 --batch 32
    [ "$status" -eq 0 ]
    says "contiguous, 4096 32.00"
    says "pages of 16 32.00"
    says "Pages of 16 serve 1.00 times the tokens per second."
    plan --model llama-3-8b --gpu h100-80gb --context 8192 --page 16
    says "pages of 16 131.2"
    plan --model llama-3.1-8b --gpu a800-80gb --context 1k --page 16 --format csv
    says "warning: what a program sees of the memory of a800-80gb is an estimate"
}

@test "the cheapest configuration that meets an SLO" {
    plan --model llama-3.1-8b --gpu a100-80gb,h100-80gb --slo 'ttft_p99<=0.5,tpot_p99<=0.05' --rate 20 --prompt 1000 \
        --output 200
    [ "$status" -eq 0 ]
    says "Cheapest that meets ttft_p99<=0.5,tpot_p99<=0.05: 1 replica of 1 x h100-80gb"
    plan --model llama-3.1-8b --gpu t4-16gb --slo 'tpot_p50<=0.001' --rate 1 --prompt 10 --output 10 --format csv
    [ "$status" -eq 1 ]
    [ "$(value meets)" -eq 0 ]
    for format in table csv json md; do
        plan --model llama-3.1-8b --gpu gb200-186gb --slo 'tpot_p50<=0.1' --rate 1 --prompt 10 --output 10 --format "$format"
        [ "$status" -eq 0 ]
        says "times are a roofline's (engine: graphs), 27 and 18 % off in the median on GPUs whose measurements were left out"
        says "what a program sees of the memory of gb200-186gb is an estimate"
    done
    says "| gb200-186gb | 1 | 1 |"
    plan --model llama-3.1-8b --gpu a800-80gb --slo 'tpot_p50<=0.1' --rate 1 --prompt 10 --output 10 --format csv
    says "note: 1 GPU left out: no price in their description; give --price"
}

@test "latencies of those that a small pool does not turn away meet no SLO" {
    plan --model llama-3.1-8b --gpu a100-80gb --blocks 200 --slo 'ttft_p99<=100' --rate 1 --prompt 1000 --output 200
    [ "$status" -eq 1 ]
    says "no: serves 93.72 %"
    says "None of the configurations tried meets the SLO."
}

@test "descriptions of one's own" {
    mkdir model
    echo '{ "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100 }' >model/config.json
    printf 'name,memory_gib,bandwidth_gb_s,fp16_tflops\nsmall,1,100,10\nlarge,2,100,10\n' >mine.csv
    plan --model ./model --gpu ./mine.csv:large --format csv
    [ "$status" -eq 0 ]
    [ "$(value kv_bytes_per_token)" -eq 512 ]
    [ "$(value memory_gib)" -eq 2 ]
    plan --model ./model --gpu ./mine.csv
    [ "$status" -eq 2 ]
    says "mine.csv has 2 GPUs; say which, as in ./mine.csv:small"
}

@test "mistakes" {
    wrong() { # wrong SENTENCE OPTIONS...
        run "$MBSAND" plan "${@:2}"
        [ "$status" -eq 2 ]
        says "$1"
    }
    wrong "which model?" --gpu h100-80gb
    wrong "on which GPU?" --model llama-3-8b
    wrong 'there is no model "llama-3-8"; did you mean "llama-3-8b"?' --model llama-3-8 --gpu h100-80gb
    wrong 'there is no GPU "h100-80"' --model llama-3-8b --gpu h100-80
    wrong "--context: '-5' is not a list" --model llama-3-8b --gpu h100-80gb --context -5
    wrong "--context: '0' is not a list" --model llama-3-8b --gpu h100-80gb --context 0
    wrong "--batch: '1..' is not a list" --model llama-3-8b --gpu h100-80gb --batch 1..
    wrong "--batch: '1..9:x1' is not a list" --model llama-3-8b --gpu h100-80gb --batch 1..9:x1
    wrong "--memory: '80' is not a size with its unit" --model llama-3-8b --gpu h100-80gb --memory 80
    wrong "--precision: 'fp12' is not one of" --model llama-3-8b --gpu h100-80gb --precision fp12
    wrong "--rules: 'vlm' is unknown; expected vllm, kaito, kaito-2026 or mlsysim; did you mean vllm?" --model llama-3-8b --gpu h100-80gb \
        --rules vlm
    wrong "cannot be divided among 3 GPUs: it has 32 attention heads" --model llama-3-8b --gpu h100-80gb --tp 3
    wrong "--slo is judged on a workload" --model llama-3-8b --gpu h100-80gb --slo 'ttft_p99<=1'
    wrong "there is no measure 'tftf_p99'; did you mean 'ttft_p99_s'?" --model llama-3-8b --gpu h100-80gb \
        --slo 'tftf_p99<=1' --rate 1 --prompt 1 --output 1
    wrong "is not MEASURE<=NUMBER" --model llama-3-8b --gpu h100-80gb --slo 'ttft_p99=1' --rate 1 --prompt 1 --output 1
    wrong "what is 'llama'?" --model llama-3-8b --gpu h100-80gb llama
    echo '{ "num_hidden_layers": 2,' >cut.json
    wrong "cut.json:" --model ./cut.json --gpu h100-80gb
}

@test "a scenario names a GPU and a model" {
    run "$MBSAND" cluster.lua --quiet
    [ "$status" -eq 0 ]
    says "4 replicas (2 x NVIDIA H100 SXM 80 GB, llama-3-8b, 1,000,560 KV tokens each), steps timed by a roofline"
    "$MBSAND" cluster.lua --quiet >jump.txt
    "$MBSAND" cluster.lua --quiet --step >step.txt
    cmp jump.txt step.txt
    run "$MBSAND" cluster.lua --quiet --set cluster.model=llama-3-70b --set cluster.tp=1
    [ "$status" -eq 2 ]
    says "mbsand: --set cluster.model=llama-3-70b: llama-3-70b does not fit on h100-80gb: 131.4 GiB of weights per GPU, but room for 68.98 of its 79.19 GiB"
    says "it fits on 2 of them (tp = 2)"
    run "$MBSAND" cluster.lua --quiet --set cluster.gpus=7
    [ "$status" -eq 2 ]
    says "cluster.gpus = 7 cannot be dealt out to replicas of cluster.tp = 2 GPUs"
    # a pool of tokens is not what the requests of a model with layers of several kinds take
    lengths=(--set workload.prompt=600 --set workload.output=200 --set workload.limit=50)
    # two blocks of 784 tokens and 3 x 16 layers of a block each, for 800 tokens in 16 layers: 5 x 784 / 800
    run "$MBSAND" cluster.lua --seeds 1 --set cluster.model=qwen3.5-27b "${lengths[@]}"
    says "the KV memory planned for qwen3.5-27b counts tokens of all its layers alike"
    says "a request with 800 tokens, the mean here at the end of one, takes 4.9 times as much: it has room for fewer at once"
    # half of the layers keep 800 tokens, then 128
    run "$MBSAND" cluster.lua --seeds 1 --set cluster.model=gpt-oss-20b "${lengths[@]}"
    says "takes 1 times as much while its prompt is computed and 0.58 times as much after that: it has room for more at once"
    run "$MBSAND" cluster.lua --seeds 1 "${lengths[@]}"
    [[ $output != *"of all its layers alike"* ]]
}

@test "the cost is the price of all GPUs over the tokens" {
    "$MBSAND" cluster.lua --quiet --seeds 1 --set cluster.usd_per_hour=3.6 --format csv >cost.csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
        NR == 2 { want = 8 * 3.6 / 3600 / ($column["throughput_tps"] / 1e6); got = $column["usd_per_mtok"]
                  exit !(got > 0 && (got - want) ^ 2 < (1e-9 * want) ^ 2) }' cost.csv
}

@test "the tutorial's tables" {
    run "$MBSAND" "$root/scenarios/kv_hidden_tax.lua" --quiet
    [ "$status" -eq 0 ]
    says "Out of memory above 260 users where 80 GB means 80 GiB, above 238 where it means 80e9 bytes."
    says "65,536 tokens each: 8 users fit in 80 GiB, 7 in 80e9 bytes."
    says "no batch fits on one GPU of 80 GiB, its weights alone take 131.4 GiB"
    says "Exercise 2. H200, 131,072 tokens each: 7 users in 16 bit, 16 in INT8 (141e9 bytes: 7 and 15)."
    says "exercise 3"
}

@test "lists of models and GPUs" {
    run "$MBSAND" list models
    [ "$status" -eq 0 ]
    [ "$(wc -l <<<"$output")" -ge 32 ]
    says "llama-3-8b 8.03 15.0 131,072 8,192"
    run "$MBSAND" list gpus
    [ "$(wc -l <<<"$output")" -ge 27 ]
    says "h100-80gb 80 3350 989.4 1979 450 8"
}

@test "what is not understood is refused, and warnings are in every format" {
    printf '{ "model_type": "deepseek_v9", "num_hidden_layers": 2 }' >new.json
    plan --model ./new.json --gpu h100-80gb
    [ "$status" -eq 2 ]
    says 'new.json: model_type "deepseek_v9" is not known, so its layers would be counted by guess'
    printf '{ "model_type": "llama", "compress_ratios": [4], "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100 }' \
        >odd.json
    plan --model ./odd.json --gpu h100-80gb
    [ "$status" -eq 2 ]
    says "the key compress_ratios is not understood"
    printf '{ "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100, "quantization_config": { "quant_method": "aqlm" } }' \
        >packed.json
    plan --model ./packed.json --gpu h100-80gb
    [ "$status" -eq 2 ]
    says 'packed is quantised by "aqlm", which is not understood'
    for format in table csv json md; do
        plan --model ./packed.json --weights int4 --gpu h100-80gb --format "$format"
        [ "$status" -eq 0 ]
        says "packed has no model_type: counted as a plain transformer"
    done
}

@test "windows are admitted by vLLM's rule, and KV heads must divide" {
    plan --model gpt-oss-20b --gpu h100-80gb --context 8192 --batch 32
    says "K KV memory 12.00 GiB"
    plan --model gpt-oss-20b --gpu h100-80gb --context 8192 --batch 32 --step-tokens 2048
    says "K KV memory 7.59 GiB" # 12 layers of 8,192 and 12 of 127 + 2,048 tokens, 2,048 bytes each
    # layers of two kinds are dealt out in groups of the fewer: 60 places for 52 layers with a window
    plan --model gemma-3-27b-it --gpu h200-141gb --context 8192 --batch 8
    says "K KV memory 35.00 GiB" # (10 + 60) layers of 8,192 tokens, 8,192 bytes each
    says "laid out in groups of 10 layers, 8 more to fill them"
    plan --model gemma-3-27b-it --gpu h200-141gb --context 8192 --batch 8 --vllm 0.9
    says "K KV memory 31.00 GiB"
    plan --model phi-4 --gpu h100-80gb --tp 4
    [ "$status" -eq 2 ]
    says "its 10 KV heads neither divide nor are divided (possible: 1, 2, 5, 10, 20, 40)"
}

@test "the pool is what vLLM of that version leaves" {
    pool() { # pool LEAST MOST OPTIONS...
        plan "${@:3}" --format csv
        [ "$status" -eq 0 ]
        [ "$(value pool_tokens)" -ge "$1" ]
        [ "$(value pool_tokens)" -le "$2" ]
    }
    pool 40994 41822 --model llama-3.1-8b --gpu rtx-4090-24gb # 2,588 blocks were reported
    pool 40994 41822 --model llama-3.1-8b --gpu rtx-4090-24gb --vllm 0.19
    pool 40946 41358 --model llama-3.1-8b --gpu rtx-3090-24gb --vllm 0.6 --context 512
    pool 31076 31388 --model llama-3.1-8b --gpu rtx-3090-24gb --vllm 0.6 --context 20000
    pool 23530 23766 --model llama-3.1-8b --gpu rtx-3090-24gb --vllm 0.6 --context 29000
    [ "$(value memory_gib)" = 23.68 ]
    plan --model llama-3.1-8b --gpu h100-80gb --weights-gib 30 --max-seqs 64 --step-tokens 2048 --format csv
    [ "$(value weights_gib)" -eq 30 ]
    plan --model llama-3.1-8b --gpu h100-80gb --tp 2 --format json
    says "an estimate that 3 of 16 public logs missed by more than 10 % of the pool"
    plan --model llama-3.1-8b --gpu h100-80gb --vllm 1.0
    [ "$status" -eq 2 ]
    says "--vllm: '1.0' is not a version of vLLM, as in 0.19"
    plan --model llama-3.1-8b --gpu h100-80gb --vllm 0.19 --page 16
    [ "$status" -eq 2 ]
    says "are not for --slo and --page"
}

@test "a start-up log sets the pool, and the estimate is compared with it" {
    printf '%s\n' "INFO api_server.py:977] vLLM API server version 0.19.0" "(Worker_TP0) INFO Model loading took 14.99 GiB memory and 3 s" \
        "INFO can use total_gpu_memory (23.52GiB) x gpu_memory_utilization (0.90) = 21.17GiB" "INFO GPU KV cache size: 41,408 tokens" >vllm.log
    plan --model llama-3.1-8b --gpu rtx-4090-24gb --from-log vllm.log
    [ "$status" -eq 0 ]
    says "rules vllm 0.19"
    says "in a pool of 41,408 (2,588 blocks of 16)"
    says "the pool is that of vLLM's log, version 0.19.0: 41408 tokens; the estimate is 41440 (+0.1 %)"
    says "the log says 14.99 GiB of weights per GPU, the estimate is 14.96 (-0.2 %)"
    echo "KV Cache is allocated. #tokens: 430913, K size: 13.15 GB, V size: 13.15 GB" >sglang.log
    plan --model llama-3.1-8b --gpu h100-80gb --from-log sglang.log --format csv
    [ "$(value pool_tokens)" -eq 430912 ]
    printf 'Number of tokens per block: 64.\nAllocated 26.91 GiB for max tokens in paged KV cache (220480).\n' >trt.log
    plan --model llama-3.1-8b --gpu h100-80gb --from-log trt.log --format json
    says '"pool_blocks": 3445'
    says "the log says 26.91 GiB of KV memory"
    # vLLM 0.10.2 on two H200, in one line
    echo "GPU KV cache size: 973,760 tokens" >tp.log
    echo "(Worker_TP1 pid=1) INFO Free memory on device (139.21/139.81 GiB) on startup. Desired GPU memory utilization is (0.9, 125.83 GiB)." \
        "Actual usage is 74.28 GiB for weight, 5.58 GiB for peak activation, 1.38 GiB for non-torch memory" >>tp.log
    plan --model qwen3-next-80b-a3b --gpu h200-141gb --tp 2 --vllm 0.10 --from-log tp.log --format json
    says '"memory_gib": 139.81'
    says "the log says 74.28 GiB of weights per GPU, the estimate is 74.25"
    says "the log says 5.58 GiB of activations per GPU, the estimate is 5.58"
    says "the log has 973760 tokens and not the memory of the pool"
    echo "Available KV cache memory: 44.59 GiB" >>tp.log # of 24,576 bytes a token, half of them here
    plan --model qwen3-next-80b-a3b --gpu h200-141gb --tp 2 --vllm 0.10 --from-log tp.log --format csv
    [ "$(value pool_tokens)" -eq 3896320 ]
    says "its 973760 tokens are counted by groups of layers"
    # KV memory of half the bytes: the same pool holds twice as many tokens.
    echo "(APIServer pid=1) INFO [utils.py:263] non-default args: {'model': 'm', 'kv_cache_dtype': 'fp8'}" >>tp.log
    plan --model qwen3-next-80b-a3b --gpu h200-141gb --tp 2 --vllm 0.10 --from-log tp.log --format csv
    says "KV memory is kept as fp8, as the log says"
    asked=$(value pool_tokens)
    [ "$asked" -gt 7500000 ]
    plan --model qwen3-next-80b-a3b --gpu h200-141gb --tp 2 --vllm 0.10 --from-log tp.log --kv bf16 --format csv
    says "KV memory is counted as was asked for; the log says that it is kept as fp8"
    [ "$(value pool_tokens)" -eq 3896320 ]
    sed -i "s/, 'kv_cache_dtype': 'fp8'//" tp.log # the weights bring it
    echo "INFO config: model='m', kv_cache_dtype=auto, device_config=cuda" >>tp.log
    plan --model qwen3-next-80b-a3b --gpu h200-141gb --tp 2 --vllm 0.10 --from-log tp.log --format csv
    [ "$(value pool_tokens)" -eq 3896320 ]
    echo "INFO Using fp8 data type to store kv cache. It reduces the GPU memory footprint" >>tp.log
    plan --model qwen3-next-80b-a3b --gpu h200-141gb --tp 2 --vllm 0.10 --from-log tp.log --format csv
    [ "$(value pool_tokens)" -eq "$asked" ]
    echo "INFO config: model='m', kv_cache_dtype=nvfp4, device_config=cuda" >>tp.log
    plan --model qwen3-next-80b-a3b --gpu h200-141gb --tp 2 --vllm 0.10 --from-log tp.log --format csv
    says "kept as nvfp4, which is not known here"
    echo "nothing" >empty.log
    plan --model llama-3.1-8b --gpu h100-80gb --from-log empty.log
    [ "$status" -eq 2 ]
    says "does not say how large the KV memory is"
}

@test "a folder's safetensors say how large the weights are" {
    mkdir weights
    printf '{ "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100 }' >weights/config.json
    python3 -c 'import json, struct
header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 3221225472]}}).encode()
open("weights/model.safetensors", "wb").write(struct.pack("<Q", len(header)) + header)'
    plan --model ./weights --gpu h100-80gb --format csv
    [ "$(value weights_gib)" -eq 3 ]
    says "the weights are 3.00 GiB as measured"
    printf 'short' >weights/model.safetensors
    plan --model ./weights --gpu h100-80gb
    [ "$status" -eq 2 ]
    says "no header of a safetensors file"
    python3 -c 'import json, struct
header = json.dumps({"a": {"dtype": "BF16", "shape": [4], "data_offsets": [8, 2]}}).encode()
open("weights/model.safetensors", "wb").write(struct.pack("<Q", len(header)) + header)'
    plan --model ./weights --gpu h100-80gb
    [ "$status" -eq 2 ]
    says "model.safetensors: a tensor lies from byte 8 to 2; expected an ascending pair"
}

@test "contexts are cut to the positions, Falcon to one GPU, and the answer can be started" {
    plan --model llama-3-8b --gpu h100-80gb --context 64k
    says "llama-3-8b was made for at most 8192 tokens (max_position_embeddings): the context is cut to that"
    says "vllm serve meta-llama/Meta-Llama-3-8B --max-model-len 8192 --gpu-memory-utilization 0.92"
    plan --model falcon-7b --gpu a100-80gb --rules kaito --tp 2
    [ "$status" -eq 2 ]
    says "KAITO does not run falcon-7b on more than one GPU"
    plan --model falcon-40b --gpu a100-40gb --rules kaito
    says "GPUs needed no number of them is enough"
    # 0.9 x 80 - 1.02 x 14.957 x 1.05 / 2 - 0.6 = 63.390 GiB of KV memory on each of two
    plan --model llama-3-8b --gpu h100-80gb --rules kaito-2026 --tp 2 --format csv
    [ "$(value pool_tokens)" -eq 1038585 ]
}

@test "the origin's budget comes out of its description" {
    # 12 GB less 4.0 GB of weights over 0.1875 MB a token are 42,666.7 tokens (42,667 in the study), where a GB has 1,000 MiB
    plan --model qwen3-1.7b-origin --gpu rtx-4080-12gb --rules mlsysim --memory 12000MiB --format csv
    [ "$(value weights_gib)" = 3.90625 ]
    [ "$(value kv_bytes_per_token)" -eq 196608 ]
    [ "$(value pool_tokens)" -eq 42666 ]
    awk -v gib="$(value pool_gib)" 'BEGIN { exit !(int(gib * 2 ^ 30 / 196608 + 0.5) == 42667) }'
    # counted in GiB throughout, as the study writes it: 8 GiB over 196,608 bytes
    plan --model qwen3-1.7b-origin --gpu rtx-4080-12gb --rules mlsysim --memory 12GiB --weights-gib 4 --format csv
    [ "$(value pool_tokens)" -eq 43690 ]
}

@test "the pools of the page are what the program says, within the margins that it names" {
    cd "$root"
    lua5.4 tests/fidelity/pools.lua md >"$BATS_TEST_TMPDIR/pools.md"
    [ "$(grep -c '^| [a-z0-9.-]* |' "$BATS_TEST_TMPDIR/pools.md")" -ge 55 ]
    while IFS= read -r line; do grep -qxF -- "$line" docs/planning.md || { echo "not on the page: $line"; return 1; }; done <"$BATS_TEST_TMPDIR/pools.md"
    grep -q '^one GPU: 31 pools, .* within 5 %: 28,' "$BATS_TEST_TMPDIR/pools.md"
    grep -q '^tensor parallel: 16 pools, .* within 10 %: 13,' "$BATS_TEST_TMPDIR/pools.md"
}

@test "memory that nobody measured is an estimate, in every format" {
    for format in table csv json md; do
        plan --model llama-3.1-8b --gpu a800-80gb --format "$format"
        says "what a program sees of the memory of a800-80gb is an estimate: as the A100"
    done
    plan --model mistral-large-2407 --gpu h100-80gb --tp 8 --format csv
    says "the dimensions of mistral-large-2407 are an estimate"
    plan --model llama-3.1-8b --gpu a800-80gb --memory 79.25GiB --format csv
    ! says "is an estimate: as"
    printf 'name,memory_gib,bandwidth_gb_s,fp16_tflops\nsmall,64,100,10\n' >mine.csv
    plan --model llama-3.1-8b --gpu ./mine.csv --format json
    says "what a program sees of the memory of small is not known, so all of it counts"
}

@test "stages of a pipeline, experts dealt out, and what leaves a node" {
    plan --model llama-3.1-405b --gpu h100-80gb --context 8k --batch 16 --tp 8 --pipeline 2
    [ "$status" -eq 0 ]
    says "llama-3.1-405b on 16 x h100-80gb (NVIDIA H100 SXM 80 GB, 79.19 GiB) as 2 stages of 8, rules"
    says "405.9 billion parameters, 25.37 here, in stage 2 with 63 layers" # (63 layers + the head) / 8
    says "32,256 on each GPU"                                              # 63 x 2 x 128 x 2: a KV head on each
    says "links 16 GPUs on 2 nodes: 450 GB/s each way inside a node, the network between them"
    says "--tensor-parallel-size 8 --pipeline-parallel-size 2"
    says "what an engine takes in stages is an estimate that two public logs were compared with, 3 and 13 % off (docs/planning.md)"
    plan --model qwen3-30b-a3b --gpu rtx-pro-6000-96gb --expert-parallel 2
    says "what an engine takes with experts over several engines is an estimate that a single public log was compared with"
    plan --model qwen3-30b-a3b --gpu rtx-pro-6000-96gb --expert-parallel 2 --pipeline 2
    says "what an engine takes in stages, with experts over several engines, is an estimate that no public log was compared with"
    plan --model llama-3.1-405b --gpu h100-80gb --context 8k --batch 16 --tp 16
    says "GPUs needed 16 (2 nodes of 8) for 16 users with 8,192 tokens or 16 as --tp 8 --pipeline 2"
    for format in table csv json md; do
        plan --model llama-3.1-405b --gpu h100-80gb --context 8k --batch 16 --tp 16 --format "$format"
        says "tensor parallelism over 16 GPUs leaves a node of 8"
    done
    plan --model deepseek-v3 --gpu h200-141gb --tp 2 --expert-parallel 16 --batch 64
    says "as 8 engines of 2 that share the experts"
    says "--tensor-parallel-size 2 --enable-expert-parallel --data-parallel-size 8"
    says "experts over 16 GPUs leave a node of 8"
    plan --model deepseek-v3 --gpu h200-141gb --tp 2 --expert-parallel 16 --format csv
    [ "$(value gpus)" -eq 16 ]
    [ "$(value engines)" -eq 8 ]
    refused() { # refused SENTENCE OPTIONS...
        run "$MBSAND" plan "${@:2}"
        [ "$status" -eq 2 ]
        says "$1"
    }
    refused "llama-3.1-8b has no experts to deal out" --model llama-3.1-8b --gpu h100-80gb --expert-parallel 8
    refused "experts are dealt out to a multiple of the 4 GPUs" --model deepseek-v3 --gpu h200-141gb --tp 4 --expert-parallel 6
    refused "llama-3.1-8b has 32 layers: they cannot be dealt out to 33 stages" --model llama-3.1-8b --gpu h100-80gb --pipeline 33
    refused "pipelines and experts in parallel are for the rules vllm" --model llama-3.1-8b --gpu h100-80gb --pipeline 2 --rules kaito
    refused "do not go with --latency" --model llama-3.1-8b --gpu h100-80gb --pipeline 2 --latency
}

@test "which GPUs fit, at what list price" {
    plan --model llama-3.3-70b --gpus l40s-48gb,h100-80gb,a800-80gb,p100-16gb --context 8k --batch 16
    [ "$status" -eq 0 ]
    says "llama-3.3-70b for 16 users with 8,192 tokens: the fewest of each GPU"
    # by price, then those without one by number
    [ "$(grep -oE '^(l40s|h100|a800|p100)' <<<"$output" | tr '\n' ' ')" = "h100 l40s a800 p100 " ]
    says "h100-80gb 4 1 4 32.85"
    says "p100-16gb 8 2 16"
    says "Pools are estimates: plus or minus 10 % in 13 of 16 deployments on several GPUs."
    says "what a program sees of the memory of a800-80gb is an estimate"
    plan --model llama-3.1-8b --gpus all --format csv
    [ "$(wc -l <<<"$output")" -eq 49 ]
    plan --model llama-3.1-8b --gpus t4-16gb,h100-80gb --price 2 --format json
    python3 -c 'import json, sys
rows = json.load(sys.stdin)
assert [(r["gpu"], r["gpus"], r["usd_per_hour"]) for r in rows] == [("h100-80gb", 1, 2), ("t4-16gb", 2, 4)], rows' <<<"$output"
    plan --model llama-3.1-8b --gpus t4-16gb,h100-80gb --format md
    says "| GPU | tp | pipeline | GPUs |"
    plan --model llama-3.1-8b --gpus t4-16gb --gpu h100-80gb
    [ "$status" -eq 2 ]
    says "it does not go with --gpu"
    plan --model llama-3.1-8b --gpus t4-16gb,nothing
    [ "$status" -eq 2 ]
    says 'there is no GPU "nothing"'
}

@test "a config.json that ends nowhere" {
    { printf '{ "model_type": "llama", "rest": "'; head -c 4200000 /dev/zero | tr '\0' x; } >endless.json
    run "$MBSAND" plan --model ./endless.json --gpu h100-80gb
    [ "$status" -eq 2 ]
    [ "$output" = "mbsand: ./endless.json: is larger than 4 MiB" ]
}

@test "the bundled models are as their config.json, where those are at hand" {
    configs=${MBSAND_DATA:-$root/../shared/data}/models
    [ -d "$configs" ] || skip "no models in ../shared/data or \$MBSAND_DATA"
    CONFIGS=$configs python3 - "$root"/data/models/*.json <<'PY'
import json, os, sys

KEYS = ["num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size",
        "vocab_size", "moe_intermediate_size", "kv_lora_rank"]
compared, named = 0, 0
files = {name.replace("--", "/").lower(): name for name in os.listdir(os.environ["CONFIGS"])}
for path in sys.argv[1:]:
    ours = json.load(open(path))
    named += ours["_checked"] == "with its config.json"
    file = files.get(ours["_source"].replace("config.json of ", "").replace(" on Hugging Face", "").lower() + ".json")
    if not file:
        continue
    theirs = json.load(open(os.path.join(os.environ["CONFIGS"], file)))
    theirs = theirs.get("text_config", theirs)
    compared += 1
    for key in KEYS:
        assert theirs.get(key) in (None, ours.get(key)), (path, key, ours.get(key), theirs[key])
assert compared == named, (compared, named)
PY
}
