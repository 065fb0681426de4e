#!/usr/bin/env bats
# mbsand probe on the CPU, all the way: config.json -> grid -> fit -> scenario -> the same policies on the device itself.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    cat >tiny.json <<'JSON'
{ "model_type": "llama", "num_hidden_layers": 4, "hidden_size": 128, "num_attention_heads": 8, "num_key_value_heads": 4,
  "intermediate_size": 344, "vocab_size": 512, "max_position_embeddings": 4096 }
JSON
    cat >live.lua <<'LUA'
return scenario {
  workload = synthetic {
    arrivals = arrivals.poisson { rate = 200 }, prompt = lengths.uniform(1, 48), output = lengths.uniform(1, 40), limit = 60,
  },
  cluster = { gpu = "rtx-4090-24gb", model = "./tiny.json", kv_blocks = 200, token_budget = 64, max_requests = 16 },
  latency = latency.step { base = 1e-4, per_token = 2e-5, per_context = 5e-7 },
  policies = { "vllm_v1", "sarathi" },
}
LUA
}

probe() { run "$MBSAND" probe --model ./tiny.json --backend cpu "$@"; }

@test "the tutorial's way: from a config.json to a calibrated scenario, and live beside it" {
    page=$root/docs/tutorials/real-engine.md
    sed -n '/^```json/,/^```$/p' "$page" | grep -v '^```' >small.json
    sed -n '/^```lua/,/^```$/p' "$page" | grep -v '^```' >engine.lua
    step() { # step BEGINNING OPTIONS...: the page's command that begins so
        local words
        read -ra words < <(grep -m 1 "^    mbsand $1" "$page")
        run "$MBSAND" "${words[@]:1}" "${@:2}"
        echo "$output"
        [ "$status" -eq 0 ]
    }
    step "probe" --trials 1
    says "68 cells measured in"
    says "steps.csv is complete; next: mbsand fit steps.csv"
    step "fit steps.csv -o" --keep-all --plot fit.svg
    for line in MAPE "held out" worst; do grep -q "^  $line  " <<<"$output"; done
    [ "$(grep -c '<circle' fit.svg)" -eq 68 ]
    python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("fit.svg")'
    step "fit steps.csv --tables"
    says "68 steps are in tables"
    step "engine.lua" --quiet --seeds 1
    says "1 replica (NVIDIA GeForce RTX 4090 24 GB, small, 6,400 KV tokens)"
    step "engine.lua --live" --quiet --set workload.limit=40
    says "live on"
    for policy in vllm_v1 vllm_v0; do says "$policy ttft_mean_s"; done
    [ "$(grep -c 'e2e_p99_s' <<<"$output")" -eq 2 ]
    says "against the first measure simulated live vllm_v0 ttft_mean_s"
    says "against the model's times of these steps"
}

@test "a grid of whole batches fits the batch law" {
    probe --grid batches --batch 1,2,4 --seq 16,32,64 --trials 2 -o batches.csv
    [ "$status" -eq 0 ]
    run "$MBSAND" fit batches.csv
    [ "$status" -eq 0 ]
    says "alpha"
}

@test "a profile of operators is a latency model" {
    probe --grid profile --batch 1,4 --seq 16,64 --trials 2 -o prof
    [ "$status" -eq 0 ]
    says 'prof is complete; next: latency = latency.profile "prof" { layers = 4 }'
    sed 's|latency = .*|latency = latency.profile "prof" { layers = 4 },|' live.lua >profiled.lua
    run "$MBSAND" profiled.lua --quiet
    [ "$status" -eq 0 ]
    says "profiled steps"
}

@test "an interrupted run goes on" {
    probe --batch 1,2 --seq 8,16 --trials 1 --budget 0.001 -o steps.csv
    [ "$status" -eq 0 ]
    says "cells are still to be measured; the same command goes on"
    cp steps.csv before.csv
    probe --batch 1,2 --seq 8,16 --trials 1 -o steps.csv
    says "were in steps.csv already"
    says "steps.csv is complete"
    cmp before.csv <(head -c "$(wc -c <before.csv)" steps.csv)
    head -n 1 before.csv >steps.csv # stopped while it began: its head is written again
    probe --batch 1,2 --seq 8,16 --trials 1 --budget 0.001 -o steps.csv
    cmp <(sed -n '1p;3,4p' before.csv) <(sed -n '1p;3,4p' steps.csv) # (the second names the memory that is free now)
    probe --grid batches --batch 1 --seq 8 -o steps.csv
    [ "$status" -eq 2 ]
    says "steps.csv holds something else than this probe's figures"
}

@test "a layer times the layers is all the layers" {
    probe --check --trials 3
    [ "$status" -eq 0 ]
    says "a layer x 4 + head"
    [ "$(grep -c ' ms ' <<<"$output")" -eq 3 ]
}

@test "without the plugin, or with one of another version" {
    MBSAND_PROBE=/nowhere/x.so run "$MBSAND" probe --model ./tiny.json -o x.csv
    [ "$status" -eq 2 ]
    [ "$(wc -l <<<"$output")" -eq 1 ]
    says "the CUDA plugin mbsand-probe-cuda.so cannot be loaded"
    [ ! -e x.csv ]
    cat >old.c <<'C'
static const struct { unsigned version; const char *name; } backend = { 99, "old" };
const void *mb_probe_plugin_backend(void) { return &backend; }
C
    gcc -shared -fPIC -o old.so old.c
    MBSAND_PROBE=$PWD/old.so run "$MBSAND" probe --model ./tiny.json -o x.csv
    [ "$status" -eq 2 ]
    says "mbsand-probe-cuda.so is of version 99, this program of 3; \`make probe\` builds it where nvcc is"
}

@test "the check of a graphics card: its script, tried on the CPU, and a sentence where there is no card" {
    run env BACKEND=cpu MODELS="$PWD/tiny.json" BUDGET=5 BATCHES=1,2,4 LENGTHS=16,64 SECONDS_LIVE=0.1 OUT="$PWD/checked" "$root/tests/gpu_check.sh"
    echo "$output"
    [ "$status" -eq 0 ]
    says "tiny-steps: 14 cells; mean error of the fit"
    says "tiny-batches: 6 cells"
    says "a prompt of 64 tokens"
    says "vllm_v0 ttft_mean_s"
    says "Everything was done in"
    [ -s checked/summary.md ] && [ "$(grep -vc '^#\|^[a-z]' checked/tiny-steps.csv)" -eq 14 ]
    nvidia-smi -L >/dev/null 2>&1 && skip "there is a card"
    run "$root/tests/gpu_check.sh"
    [ "$status" -eq 1 ]
    says "gpu-check: no NVIDIA GPU here (nvidia-smi finds none); nothing was checked"
}

@test "mistakes" {
    wrong() { # wrong SENTENCE OPTIONS...
        run "$MBSAND" probe "${@:2}"
        [ "$status" -ne 0 ]
        says "$1"
    }
    wrong "which model?" --backend cpu -o x.csv
    wrong "where to?" --model ./tiny.json
    wrong "--batch: '4,2' is not an ascending list" --model ./tiny.json --batch 4,2 -o x.csv
    wrong "--trials: '0' is not a number from 1" --model ./tiny.json --trials 0 -o x.csv
    wrong "--grid: 'rows' is unknown; expected steps, profile or batches" --model ./tiny.json --grid rows -o x.csv
    wrong "the CPU backend computes in fp32, not in bf16" --model ./tiny.json --backend cpu --precision bf16 -o x.csv
    wrong "cannot write /nowhere/x.csv" --model ./tiny.json --backend cpu --batch 1 --seq 8 -o /nowhere/x.csv
    wrong "has experts; the probe times dense layers only" --model mixtral-8x7b-v0.1 --backend cpu -o x.csv
    sed 's/"hidden_size": 128/"hidden_size": 268435456/' tiny.json >huge.json
    wrong "out of memory" --model ./huge.json --backend cpu --batch 1 --seq 8 -o x.csv
}

@test "what a live run needs" {
    refused() { # refused SENTENCE OPTIONS...
        run "$MBSAND" live.lua --quiet --live cpu "${@:2}"
        [ "$status" -eq 2 ]
        says "$1"
    }
    sed 's|gpu = "rtx-4090-24gb", model = "./tiny.json", ||' live.lua >nameless.lua
    run "$MBSAND" nameless.lua --quiet --live cpu
    [ "$status" -eq 2 ]
    says "--live needs cluster.model"
    sed -e 's|latency = .*|latency = latency.batch { alpha = 0.1, beta = 0.01, gamma = 0.3 },|' -e 's|kv_blocks|kv_tokens|' live.lua >batch.lua
    run "$MBSAND" batch.lua --quiet --live cpu --policy static_fifo
    [ "$status" -eq 2 ]
    says "--live needs a latency model of single steps"
    refused "there is no backend 'tpu'; there are cpu, cuda and llama" --live tpu
}
