#!/usr/bin/env bats
# policies/origin/first_* through the program: the origin's first published comparison, all digits.
# Needs its trace, which is not part of mbsand: traces/origin/v1_synthetic5000.csv below ../shared/data or MBSAND_DATA.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    MBSAND=${MBSAND:-build/mbsand}
}

skip_without_trace() {
    case $("$MBSAND" scenarios/origin_first.lua --quiet) in skipped:*) skip "its trace is not here" ;; esac
}

@test "the origin's first table, from the CSV" {
    skip_without_trace
    # req/s, tok/s, mean s, p50, p95, p99, max, violations %, utilisation % (from time 0, not from the first arrival),
    # batches
    cat >"$BATS_TEST_TMPDIR/published" <<'TABLE'
static_fifo 24.424611 10256.158 24.351011 26.803735 37.804233 41.385917 42.535483 99.24 96.4873 627
dynamic_no_bins 25.573526 10738.600 0.851643 0.854774 1.212325 1.312765 1.424122 27.76 32.6200 151
multi_bin_dynamic 25.547861 10727.823 0.689216 0.688400 1.334777 1.544153 1.715321 18.10 35.1530 345
multi_bin_only 25.547861 10727.823 0.691249 0.689282 1.338649 1.548489 1.715230 18.32 35.1937 346
TABLE
    "$MBSAND" scenarios/origin_first.lua --quiet --format csv >"$BATS_TEST_TMPDIR/all.csv"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { duration = $at["duration_s"]
          printf "%s %.6f %.3f %.6f %.6f %.6f %.6f %.6f %.2f %.4f %d\n", $at["policy"], $at["throughput_rps"],
            $at["total_tps"], $at["e2e_mean_s"], $at["e2e_p50_s"], $at["e2e_p95_s"], $at["e2e_p99_s"], $at["e2e_max_s"],
            100 * $at["e2e_violation"], 100 * $at["gpu_util"] * duration / (duration + 7.452709062883104), $at["batches"]
        }' "$BATS_TEST_TMPDIR/all.csv" >"$BATS_TEST_TMPDIR/got"
    diff "$BATS_TEST_TMPDIR/published" "$BATS_TEST_TMPDIR/got"
}

@test "the scenario's own report says so too" {
    skip_without_trace
    run "$MBSAND" scenarios/origin_first.lua --quiet
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "All digits agree." ]
}

# Means of a simulator written on Python's heapq, on 400 requests that come twelve at a time.
@test "requests at equal times come in the order of the origin's heap" {
    cd "$BATS_TEST_TMPDIR"
    awk 'BEGIN { print "t,p,o"; for (i = 0; i < 400; i++) print int(i / 12) "," 37 * i % 200 + 1 "," 53 * i % 100 + 1 }' >ties.csv
    cat >ties.lua <<'END'
return scenario {
  workload = trace.csv "ties.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { gpus = tonumber(os.getenv("GPUS")), kv_tokens = 37333, oversize = "block" },
  latency = latency.batch { alpha = 0.05965277758291415, beta = 0.005741996985241534, gamma = 0.31568071039597756, floor = 0.001 },
  slo = { tbt = 0.010, e2e = 20 },
  policies = { "origin/static_fifo", { "origin/dynamic_no_bins", tolerance = 0.001 } },
  seeds = 1,
}
END
    for wanted in "1 30.6848589852 3.1519738894" "3 2.3989038551 2.2011182506"; do
        read -r gpus static dynamic <<<"$wanted"
        GPUS=$gpus "$MBSAND" ties.lua --quiet --format csv >ties.txt
        awk -F, -v static="$static" -v dynamic="$dynamic" '
            NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
            NR > 1 { off = $column["e2e_mean_s"] - (NR == 2 ? static : dynamic); if (off < -1e-8 || off > 1e-8) { print; exit 1 } }' ties.txt
    done
}
