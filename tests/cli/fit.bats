# mbsand fit: grids and step logs, what is printed and written, and what is wrong with a file.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    grids=$root/tests/corpus/grid logs=$root/tests/corpus/steps
    # 10 ms + 40 us T + 100 ns K + 5 us B, exactly.
    awk 'BEGIN {
        print "tokens,context,requests,time_s"
        for (i = 0; i < 60; i++) {
            b = 1 + i * 7 % 32; c = i % 5 ? 0 : 100 * (1 + i % 7); k = b * (50 + i * 37 % 900); r = b + (c > 0)
            printf "%d,%d,%d,%.9g\n", b + c, k, r, 0.01 + 40e-6 * (b + c) + 100e-9 * k + 5e-6 * r
        }
    }' >steps.csv
}

fails() { # fails SENTENCE COMMAND...: the sentence, and nothing else, on standard error
    local sentence=$1
    shift
    run "$@"
    [ "$status" -eq 2 ] || { echo "exit code $status: $output"; return 1; }
    [ "$output" = "$sentence" ] || { echo "expected: $sentence"; echo "printed:  $output"; return 1; }
}

@test "a grid gives a batch law" {
    run "$MBSAND" fit "$grids/good.csv"
    [ "$status" -eq 0 ]
    says "T(b, L) = alpha + beta L (1 + gamma (b - 1) / b)"
    says "Error of the law in each cell"
    says "latency = latency.batch{ alpha = "
}

@test "a step log gives a step law" {
    run "$MBSAND" fit steps.csv
    [ "$status" -eq 0 ]
    says "steps.csv: 60 steps, up to 713 tokens and 23328 tokens of context"
    says "base 10 ms"
    says "per_token 40 us per token"
    says "per_context 100 ns per token"
    says "per_request 5 us per request"
    says "held out 0.00 %"
    says "The law is within 0.0 % of 95 % of the steps."
    says "latency = latency.step{ base = "
}

@test "standard input is a file like any other" {
    for file in steps.csv "$grids/good.csv"; do
        "$MBSAND" fit "$file" | tail -n +2 >named
        "$MBSAND" fit - <"$file" | tail -n +2 >read
        cmp named read
    done
}

@test "the formats" {
    "$MBSAND" fit steps.csv --format csv >rows.csv
    [ "$(wc -l <rows.csv)" -eq 61 ]
    [ "$(head -n 1 rows.csv)" = "tokens,context,requests,time_s,law_s,relative_error,line,outlier" ]
    awk -F, 'NR > 1 && ($6 > 1e-6 || $6 < -1e-6 || $7 != NR || $8 != 0) { exit 1 }' rows.csv
    "$MBSAND" fit steps.csv --format json | python3 -c '
import json, sys
fit = json.load(sys.stdin)
assert abs(fit["base_s"] - 0.01) < 1e-9 and abs(fit["per_context_s"] - 100e-9) < 1e-14, fit
assert fit["steps"] == 60 and fit["requests_known"] and fit["mape"] < 1e-6 and fit["worst"]["line"] > 1
assert sum(group["steps"] for group in fit["by_tokens"]) == 60'
    run "$MBSAND" fit steps.csv --format md
    says "| per_request | 5 us per request | in the step |"
    says '```lua latency = latency.step{'
    "$MBSAND" fit "$grids/good.csv" --format csv | head -n 1 | grep -q '^batch_size,'
}

@test "what is written is what a scenario takes" {
    "$MBSAND" fit steps.csv -o law.lua >report
    "$MBSAND" fit steps.csv --output - >printed.lua
    cmp law.lua printed.lua
    grep -q "Step law fitted" law.lua
    cat >scenario.lua <<'LUA'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = 100, output = 20, limit = 200 },
  latency = latency.step(dofile "law.lua"),
  cluster = { gpus = 1 },
  policies = { "static_fifo" },
}
LUA
    run "$MBSAND" scenario.lua
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "steps beyond those of the log are counted, jumping or stepping" {
    "$MBSAND" fit steps.csv -o law.lua >/dev/null
    grep -q 'max_tokens = 713, max_context = 23328' law.lua
    cat >beyond.lua <<'LUA'
local law = dofile "law.lua"
law.max_context = 900 -- reached in the middle of runs of equal steps
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 5 }, prompt = 200, output = 100, limit = 300 },
  cluster = { kv_tokens = 100000, max_requests = 64, token_budget = 512 },
  latency = latency.step(law), policies = { "vllm_v1" }, seeds = 1, warmup = 50,
}
LUA
    run "$MBSAND" beyond.lua --out fast
    says "batches outside the range that the latency model was fitted on"
    "$MBSAND" beyond.lua --step --quiet --out slow
    count() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["results"][0]["policies"][0]["runs"][0]["extrapolated_batches"])' "$1/summary.json"; }
    [ "$(count fast)" -gt 100 ]
    [ "$(count fast)" -eq "$(count slow)" ]
}

@test "what the steps do not say" {
    cut -d, -f1,2,4 steps.csv >without.csv
    run "$MBSAND" fit without.csv
    [ "$status" -eq 0 ]
    says "There is no column requests: per_request is held at 0."
    awk -F, -v OFS=, 'NR > 1 { $3 = 8 } { print }' steps.csv >constant.csv
    run "$MBSAND" fit constant.csv
    [ "$status" -eq 0 ]
    says "requests follow from the other columns: per_request is held at 0."
    run "$MBSAND" fit "$logs/good.csv"
    says "5 steps say little of how good the law is."
}

@test "rows that stand out are left out and named" {
    awk -F, -v OFS=, 'NR == 17 { $4 /= 40 } NR == 41 { $4 *= 3 } { print }' steps.csv >bad.csv
    run "$MBSAND" fit bad.csv
    [ "$status" -eq 0 ]
    says "2 of 60 steps left out: their times stand out from all others (--keep-all fits them too)"
    says "bad.csv:17: T = 210, K = 6050 took 0.4765 ms, the law says 19.06 ms (+3900 %)"
    says "bad.csv:41: T = "
    says "base 10 ms of every step"
    says "bad.csv: 58 steps"
    "$MBSAND" fit bad.csv --format csv | awk -F, '$8 == 1 { print $7 }' | tr '\n' ' ' | grep -qx "17 41 "
    "$MBSAND" fit bad.csv --format json | python3 -c '
import json, sys
fit = json.load(sys.stdin)
assert [row["line"] for row in fit["outliers"]] == [17, 41] and fit["steps"] == 58, fit
assert abs(fit["base_s"] - 0.01) < 1e-8 and abs(fit["outliers"][0]["relative_error"] - 39) < 0.01'
    "$MBSAND" fit bad.csv --format md | grep -q "^      bad.csv:17: "
    "$MBSAND" fit bad.csv -o - | grep -q "^-- 2 of 60 steps left out"
    run "$MBSAND" fit bad.csv --keep-all
    ! grep -q "left out" <<<"$output"
    says "bad.csv: 60 steps"
}

@test "times that the law cannot follow" {
    awk -F, -v OFS=, 'NR > 1 && NR % 9 == 0 { $4 = 3 * $4 } { print }' steps.csv >spikes.csv
    run "$MBSAND" fit spikes.csv --keep-all
    [ "$status" -eq 0 ]
    says "The law misses one step in twenty by more than"
    awk -F, -v OFS=, 'NR > 1 { $4 = 0.05 - 1e-5 * $1 } { print }' steps.csv >falling.csv
    run "$MBSAND" fit falling.csv --absolute
    [ "$status" -eq 0 ]
    says "per_token is held at 0: a negative one would fit better."
    says "least squares on seconds"
}

@test "mistakes in a file name it, and the line" {
    fails "mbsand: $logs/short_row.csv:3: 2 fields, but the header has 3" "$MBSAND" fit "$logs/short_row.csv"
    fails "mbsand: $logs/nan.csv:3: time_s is 'nan', which is not a finite number" "$MBSAND" fit "$logs/nan.csv"
    fails "mbsand: $logs/negative_time.csv:3: time_s is -0.5, but must be greater than 0 (seconds), at most 1e9" \
        "$MBSAND" fit "$logs/negative_time.csv"
    fails "mbsand: $logs/four_steps.csv: a fit needs 5 steps at least, this log has 4" \
        "$MBSAND" fit "$logs/four_steps.csv"
    fails "mbsand: $grids/two_cells.csv: a fit needs 3 cells at least, this grid has 2" \
        "$MBSAND" fit "$grids/two_cells.csv"
    printf 'a;b\n' >other.csv
    fails "mbsand: other.csv:1: no column batch_size and no column tokens; a latency grid has the columns batch_size, \
max_seq_len, mean_latency_sec, a step log has the columns tokens, context, time_s, this header has: a;b" \
        "$MBSAND" fit other.csv
    printf 'tokens,time_s\n1,2\n' >short.csv
    fails "mbsand: short.csv:1: no column context; a step log has the columns tokens, context, time_s, this header \
has: tokens, time_s" "$MBSAND" fit short.csv
}

@test "mistakes in the command" {
    fails "mbsand: which file? Usage: mbsand fit FILE.csv; see \`mbsand fit --help\`" "$MBSAND" fit
    fails "mbsand: one file at a time; what is 'b.csv'?; see \`mbsand fit --help\`" "$MBSAND" fit a.csv b.csv
    fails "mbsand: fit: no format 'jsn'; did you mean json? there are table, json, csv and md" \
        "$MBSAND" fit steps.csv --format jsn
}

@test "steps as tables, which say of each measured step what was measured" {
    cat >steps.csv <<'CSV'
# mbsand probe: steps of some model
tokens,context,requests,time_s,spread_s,trials,chunk,prefix,decodes,decode_context
1,17,1,2e-3,0,5,0,0,1,16
1,33,1,2.16e-3,0,5,0,0,1,32
3,51,3,3e-3,0,5,0,0,3,16
3,99,3,3.3e-3,0,5,0,0,3,32
4,0,1,3e-3,0,5,4,0,0,0
64,0,1,8e-3,0,5,64,0,0,0
16,0,1,5e-3,0,5,16,0,0,0
32,0,1,4e-3,0,5,32,0,0,0
16,0,1,6e-3,0,5,16,64,0,0
32,0,1,4.5e-3,0,5,32,64,0,0
17,17,2,5.5e-3,0,5,16,0,1,16
19,51,4,6.5e-3,0,5,16,0,3,16
33,17,2,4.2e-3,0,5,32,0,1,16
35,51,4,5.2e-3,0,5,32,0,3,16
CSV
    run "$MBSAND" fit steps.csv --tables tables
    [ "$output" = '14 steps are in tables; next: latency = latency.profile "tables" { layers = 1 }' ]
    # A prompt of 16 tokens, 5 ms; two decodes, 2 and 2.01 ms; one of 16 beside a decode, 5.5 ms; of 32 tokens, faster than 16.
    cat >s.lua <<'LUA'
return scenario {
  workload = requests { { 0, 16, 3 }, { 1, 16, 1 }, { 2, 32, 1 }, { 3, 16, 2 }, { 3.001, 32, 1 } },
  cluster = { kv_block = 16, kv_blocks = 100, token_budget = 64, max_requests = 8 },
  latency = latency.profile "tables" { layers = 1 }, policies = { "vllm_v1" }, seeds = 1,
}
LUA
    "$MBSAND" s.lua --quiet --out o --dump requests
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { printf "%.6f ", $at["end_s"] - $at["arrival_s"] }' o/requests-*.csv >took
    [ "$(cat took)" = "0.009010 0.005000 0.004000 0.009200 0.008200 " ] || { cat took; return 1; }
    grep -v ',0,0,0$' steps.csv >chunkless.csv
    fails "mbsand: chunkless.csv: tables need chunks of two sizes alone at the start of a prompt (prefix 0, decodes 0)" "$MBSAND" fit chunkless.csv --tables t
    grep -v ',0,0,[13],' steps.csv >decodeless.csv
    fails "mbsand: decodeless.csv: tables need steps of decodes alone (chunk 0)" "$MBSAND" fit decodeless.csv --tables t
    (cat steps.csv; echo "16,0,1,5e-3,0,5,16,0,0,0") >twice.csv
    fails "mbsand: twice.csv:17: a chunk of 16 tokens at the start of a prompt was given before" "$MBSAND" fit twice.csv --tables t
    fails "mbsand: fit: --tables fits no law, so there is nothing to draw or print of it" "$MBSAND" fit steps.csv --tables t --plot x.svg
    [ ! -e t ]
}

# What vLLM 0.27 prints of 200 iterations that take 5 ms + 20 us T + 50 ns K, with prompts 8 ms + 30 us T + 50 ns K; K is what was
# in use after the iteration before, and a token of each decode.
vllm_log() {
    awk 'BEGIN {
        print "(EngineCore_DP0 pid=7) INFO 07-08 00:00:00 [kv_cache_utils.py:1319] GPU KV cache size: 100,000 tokens"
        for (i = 0; i < 200; i++) {
            b = 1 + i * 7 % 32; new = i % 5 ? 0 : 1 + i % 3; c = new * 64 * (1 + i % 7); k = i ? used * 1000 + b : b; used = 1 + i * 37 % 90
            ms = (c ? 8 : 5) + (c ? 0.03 : 0.02) * (b + c) + 50e-6 * k
            printf "(APIServer pid=1) INFO 07-08 00:00:%02d [loggers.py:182] Engine 000: Iteration(%d): %d context requests, %d context tokens, " \
                   "%d generation requests, %d generation tokens, iteration elapsed time: %.4f ms, GPU KV cache usage: %.1f%%\n", i % 60, i, new, c, b, b, ms, used
            if (i % 50 == 7) print "(APIServer pid=1) INFO:     127.0.0.1:40052 - \"POST /v1/completions HTTP/1.1\" 200 OK"
        }
    }'
}

# SGLang's lines of decodes that take 4 ms + 100 us B + 40 ns K, and of prompts of 6 ms + 25 us T; $1 numbers the passes.
sglang_log() {
    awk -v numbered="$1" 'function name(n) { return numbered ? " [" n "]" : "" }
    BEGIN {
        for (i = 0; i < 60; i++) {
            b = 1 + i * 7 % 32; held = b * (100 + i * 37 % 900); pass += 40
            for (j = 0; j < 3; j++) {
                printf "[2026-04-05 20:02:51 TP0] Prefill batch%s, #new-seq: 2, #new-token: %d, #cached-token: 0, token usage: 0.08, #running-req: %d, " \
                       "#queue-req: 0, cuda graph: False, input throughput (token/s): %.6f\n", name(++pass), 128 * (1 + (i + j) % 9), b, n ? n / (0.006 + 25e-6 * n) : 0
                n = 128 * (1 + (i + j) % 9)
            }
            for (j = 0; j < 2; j++) {
                pass += 40
                k = held + b * 40 * j
                printf "[2026-04-05 20:02:52 TP0] Decode batch%s, #running-req: %d, #token: %d, token usage: 0.08, cuda graph: True, " \
                       "gen throughput (token/s): %.6f, #queue-req: 0\n", name(pass), b, k, b / (0.004 + 100e-6 * b + 40e-9 * (k - b * 19.5))
            }
        }
    }'
}

@test "steps out of a server's own log" {
    vllm_log >vllm.log
    run "$MBSAND" fit --from-vllm-log vllm.log --split
    echo "$output"
    [ "$status" -eq 0 ]
    says "vllm.log: 199 steps, up to "
    says "context is the KV memory in use before the step, known to 100 tokens; what prompts hold is in it, and a shared prefix once"
    "$MBSAND" fit --from-vllm-log vllm.log --split --format json >vllm.json
    "$MBSAND" fit --from-vllm-log - -o - <vllm.log --split | grep -q "known to 100 tokens"
    sglang_log "" >sglang.log
    "$MBSAND" fit --from-sglang-log sglang.log --format json >decodes.json
    sglang_log 1 >numbered.log
    "$MBSAND" fit --from-sglang-log numbered.log --format csv 2>warned | tail -n +2 | cut -d, -f1-4 >numbered.csv
    grep -q "^mbsand: warning: numbered.log: each row of decodes is the mean of the steps between two lines" warned
    "$MBSAND" fit --from-sglang-log numbered.log >/dev/null
    python3 - <<'PY'
import json
fit = json.load(open("vllm.json"))
near = lambda value, right: abs(value / right - 1) < 1e-3
assert near(fit["base_s"], 5e-3) and near(fit["per_token_s"], 20e-6) and near(fit["per_context_s"], 50e-9), fit
assert "prompts = { base = 0.008" in fit["lua"].replace("0.0079999", "0.008").replace("0.0080000", "0.008"), fit["lua"]
fit = json.load(open("decodes.json"))
assert fit["steps"] == 60 and near(fit["base_s"], 4e-3) and near(fit["per_token_s"], 100e-6) and near(fit["per_context_s"], 40e-9), fit
assert "what prompts take is not in these lines" in fit["note"] and fit["max_tokens"] == 32, fit
rows = [list(map(float, line.split(","))) for line in open("numbered.csv")]
prompts = [r for r in rows if r[0] > r[2]]
assert len(rows) == 180 and len(prompts) == 120, (len(rows), len(prompts))
assert all(r[1] == 0 and r[2] == 2 and near(r[3], 0.006 + 25e-6 * r[0]) for r in prompts)
PY
}

@test "a server's log that lacks what a fit needs" {
    vllm_log >vllm.log
    sglang_log "" >sglang.log
    sed 's/, GPU KV cache usage.*//' vllm.log >old.log
    fails "mbsand: old.log:2: what this step's decodes read is not known: vLLM says how full its KV memory is in these lines from 0.27 on (\"GPU KV cache usage\")" \
        "$MBSAND" fit --from-vllm-log old.log
    sed 1d vllm.log >late.log
    fails "mbsand: late.log:1: how large the KV memory is has not been said: the line \"GPU KV cache size: N tokens\", which vLLM prints when it starts, belongs before this one" \
        "$MBSAND" fit --from-vllm-log late.log
    sed '9s/Engine 000/Engine 001/' vllm.log >two.log
    fails "mbsand: two.log:9: a line of 'Engine 001' among those of 'Engine 000'; a fit is of one engine: leave the lines of one" \
        "$MBSAND" fit --from-vllm-log two.log
    sed '5s/ms, GPU/s, GPU/' vllm.log >torn.log
    fails "mbsand: torn.log:5: a line about an iteration that is not as vLLM prints it (--enable-logging-iteration-details)" "$MBSAND" fit --from-vllm-log torn.log
    sed '5s/time: [0-9.]*/time: nan/' vllm.log >nan.log
    fails "mbsand: nan.log:5: a line about an iteration with a number that cannot be" "$MBSAND" fit --from-vllm-log nan.log
    sed '5s/usage: [0-9.]*/usage: 101/' vllm.log >full.log
    fails "mbsand: full.log:5: the KV memory is used between 0 and 100 %" "$MBSAND" fit --from-vllm-log full.log
    sed '4s/gen throughput (token.s): [0-9.]*/gen throughput (token\/s): inf/' sglang.log >inf.log
    fails "mbsand: inf.log:4: a line about a batch with a number that cannot be" "$MBSAND" fit --from-sglang-log inf.log
    fails "mbsand: sglang.log: there are none of vLLM's lines \"Iteration(N): ...\" (--enable-logging-iteration-details)" "$MBSAND" fit --from-vllm-log sglang.log
    fails "mbsand: vllm.log: there are none of SGLang's lines \"Decode batch, ...\"" "$MBSAND" fit --from-sglang-log vllm.log
    sed '4s/#token/#accept len: 2.1, #token/' sglang.log >drafts.log
    fails "mbsand: drafts.log:4: with speculative decoding a step makes more tokens than it has requests, and these lines do not say how many it computed" \
        "$MBSAND" fit --from-sglang-log drafts.log
    sed '4s/gen throughput.*//' sglang.log >cut.log
    fails "mbsand: cut.log:4: a line about a batch that is not as SGLang prints it" "$MBSAND" fit --from-sglang-log cut.log
    sed '8s/TP0/DP1 TP0/' sglang.log >ranks.log
    fails "mbsand: ranks.log:8: a line of 'DP1 TP0' among those of 'TP0'; a fit is of one engine: leave the lines of one" "$MBSAND" fit --from-sglang-log ranks.log
    { cat vllm.log; head -c 1100000 /dev/zero; } >endless.log
    fails "mbsand: endless.log:$(($(wc -l <vllm.log) + 1)): a line longer than 1 MiB; expected the log of a server" "$MBSAND" fit --from-vllm-log endless.log
    grep -v 'Decode' sglang.log >prompts.log
    fails "mbsand: prompts.log: none of its lines about steps tells tokens, context and time; they are known of decodes of as many requests as in the line before" \
        "$MBSAND" fit --from-sglang-log prompts.log
}
