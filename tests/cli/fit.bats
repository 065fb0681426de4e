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
    fails "mbsand: fit: which file? Usage: mbsand fit FILE.csv" "$MBSAND" fit
    fails "mbsand: fit: one file at a time; what is 'b.csv'?" "$MBSAND" fit a.csv b.csv
    fails "mbsand: fit: no format 'jsn'; did you mean json? there are table, json, csv and md" \
        "$MBSAND" fit steps.csv --format jsn
}
