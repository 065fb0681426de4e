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
