# --jit: LuaJIT's compiler, for policies that one trusts. The results are the same; the limit of time is lost, that of
# memory is not.

load ../cli/helpers

setup() {
    [ -x "$MBSAND_LUAJIT" ] || skip "no build for LuaJIT"
    cd "$BATS_TEST_TMPDIR" || return
    small=$root/tests/sandbox/small.lua
    attacks=$root/tests/sandbox/attacks
}

measures() { # all that is no time of the machine
    "$MBSAND_LUAJIT" "$@" --quiet --format csv |
        awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i ~ /^sim_(wall_s|requests_per_s)$/) drop[i] = 1 }
            { for (i in drop) $i = ""; print }'
}

@test "results are the same with and without it" {
    local policies=(-p dynamic_no_bins -p multi_bin_dynamic -p multi_bin -p "$root/tests/sandbox/busy.lua")
    measures "$small" "${policies[@]}" --seeds 5 >interpreted
    measures "$small" "${policies[@]}" --seeds 5 --jit >compiled
    cmp interpreted compiled
    [ "$(wc -l <compiled)" -eq 26 ]
    measures "$root/scenarios/continuous_burst.lua" --seeds 1 >interpreted
    measures "$root/scenarios/continuous_burst.lua" --seeds 1 --jit >compiled
    cmp interpreted compiled
    [ -s compiled ]
}

@test "an endless loop ends by the limit without it, and not at all with it" {
    run "$MBSAND_LUAJIT" "$small" -p "$attacks/loop_schedule.lua" --hook-seconds 0.3
    [ "$status" -eq 1 ]
    says "schedule ran longer than 0.3 s of CPU time"
    run bash -c "ulimit -t 2; exec '$MBSAND_LUAJIT' '$small' -p '$attacks/loop_schedule.lua' --hook-seconds 0.3 --jit"
    [ "$status" -gt 128 ] # killed
}

@test "Ctrl-C leaves such a loop behind, and what is finished is printed and kept" {
    "$MBSAND_LUAJIT" "$small" -p "$attacks/loop_schedule.lua" --jobs 1 --jit --dump requests --out dump >out 2>err 3>&- &
    pid=$!
    for _ in $(seq 1200); do # its run has begun
        if [ -e dump/requests-loop_schedule-1.csv.part ]; then break; fi
        sleep 0.1
    done
    sleep 1
    kill -INT "$pid"
    for _ in $(seq 600); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    status=0
    wait "$pid" || status=$?
    output=$(cat out err)
    [ "$status" -eq 1 ]
    says "static_fifo 19.82"
    says "loop_schedule failed with seed 1: a hook of the policy was interrupted"
    [ -s dump/requests-static_fifo-1.csv ] && [ -s dump/summary.csv ]
}

@test "the limit of memory holds with it" {
    run "$MBSAND_LUAJIT" "$small" -p "$attacks/tables_huge.lua" --hook-seconds 100000 --jit
    [ "$status" -eq 1 ]
    says "the policy used more than 64 MiB of memory"
    says "static_fifo 19.82"
}

@test "it is refused where there is no compiler, and beside a limit of instructions" {
    run "$MBSAND" "$small" --jit
    [ "$status" -eq 2 ]
    says "mbsand: --jit: this program was built with Lua 5.4"
    run "$MBSAND_LUAJIT" "$small" --jit --hook-instructions 1000
    [ "$status" -eq 2 ]
    says "mbsand: --jit and --hook-instructions exclude each other"
}
