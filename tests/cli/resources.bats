# Memory and threads.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    MBSAND=${MBSAND:-$PWD/build/mbsand}
    command -v /usr/bin/time >/dev/null || skip "needs the package time"
}

peak_kb() { # peak_kb REQUESTS
    /usr/bin/time -f %M "$MBSAND" tests/bench/batch.lua --jobs 1 --quiet --set workload.limit="$1" 2>&1 >/dev/null |
        tail -n 1
}

@test "peak memory is under 64 MB and does not grow with the requests" {
    small=$(peak_kb 100000)
    large=$(peak_kb 3000000)
    echo "100,000 requests: $small KB; 3,000,000 requests: $large KB"
    [ "$large" -lt 65536 ]
    # 5 %, and 300 KB for the noise of page accounting.
    [ "$large" -lt $((small + small / 20 + 300)) ]
}

@test "the thread sanitizer finds nothing in the main job" {
    [ -n "${MBSAND_TSAN:-}" ] || skip "MBSAND_TSAN names no build"
    for scenario in burst continuous_burst; do
        run "$MBSAND_TSAN" "scenarios/$scenario.lua" --jobs 4 --set workload.limit=2000
        echo "$output"
        [ "$status" -eq 0 ]
        [[ $output != *ThreadSanitizer* ]]
    done
}

@test "the address sanitizer finds nothing in the main job, on both engines" {
    [ -n "${MBSAND_ASAN:-}" ] || skip "MBSAND_ASAN names no build"
    for binary in "$MBSAND_ASAN" "$MBSAND_ASAN_LUAJIT"; do
        run "$binary" scenarios/burst.lua --set workload.limit=2000 --dump requests,batches,decisions \
            --out "$BATS_TEST_TMPDIR/out"
        echo "$output"
        [ "$status" -eq 0 ]
    done
}

@test "every bundled scenario runs under the invariants" {
    [ -n "${MBSAND_ASAN:-}" ] || skip "MBSAND_ASAN names no build"
    for scenario in burst gpu_scaling bin_sensitivity azure_conv origin_first origin_flaws continuous_burst chunked_prefill \
        memory_pressure prefix_cache lockstep; do
        run "$MBSAND_ASAN" "scenarios/$scenario.lua" --quiet --seeds 1
        echo "$output"
        [ "$status" -eq 0 ]
    done
}
