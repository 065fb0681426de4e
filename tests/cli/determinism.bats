#!/usr/bin/env bats
# The same scenario and seed give the same bits: whatever the number of threads, in every run, under both Luas, and whether
# or not the C library has found fused multiply-add in the processor.
# What is compared: every measure of every job with 17 digits (but the two that a wall clock gives), and the dumps of
# requests, batches and decisions, byte for byte.
# MBSAND: the program (build/mbsand); MBSAND_LUAJIT: the same, built with the other Lua.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    MBSAND=${MBSAND:-build/mbsand}
    write_scenario
}

# Two sections, a sweep, noise in the batch times, a noisy predictor, memory that is short, all four policies, and one that
# draws random numbers and asks Lua for functions that the C library has.
write_scenario() {
    cat >"$BATS_TEST_TMPDIR/lottery.lua" <<'POLICY'
local Lottery = { params = { batch_size = 4 } }
function Lottery:init() self.drawn = self.sim:queue{ by = function() return self.sim:random() end } end
function Lottery:arrive(req) self.drawn:push(req) end
function Lottery:schedule(_, step)
  local x = 1 + self.sim:random()
  self.sim:observe("powers", x ^ 1.7 + math.exp(x) + math.log(x))
  self.sim:observe("angles", math.sin(x) + math.cos(x) + math.tan(x) + math.asin(x / 2) + math.acos(x / 2) + math.atan(x))
  step:admit(self.drawn, self.params.batch_size)
end
return Lottery
POLICY
    cat >"$BATS_TEST_TMPDIR/scenario.lua" <<SCENARIO
local policies = {
  "static_fifo", "dynamic_no_bins", "multi_bin_dynamic", { "multi_bin", batch_size = 4, max_wait = 2, rule = "optimal" },
  { "$BATS_TEST_TMPDIR/lottery.lua", label = "lottery" },
}
local slo = { tbt = 0.010, e2e = 20 }
local function requests(arrivals)
  return synthetic {
    arrivals = arrivals, limit = 2000, clients = 3, predictor = predict.lognormal(0.4),
    prompt = lengths.lognormal { mean = 300, median = 200 }, output = lengths.exponential(200),
  }
end
return {
  scenario {
    title = "sweep", workload = requests(arrivals.gamma { rate = 4, cv = 2 }), slo = slo, seeds = 3,
    cluster = { gpus = 2, kv_tokens = 6000 },
    latency = latency.batch { alpha = 0.010, beta = 0.002, gamma = 0.3, noise = 0.2 },
    policies = policies, over = { { "cluster.gpus", { 1, 3 } } },
  },
  scenario {
    title = "bursts", workload = requests(arrivals.on_off { rate = 40, on = 5, off = 20 }), slo = slo, seeds = 2,
    cluster = { gpus = 4, kv_tokens = 8000, kv = "contiguous", kv_max_length = 2048 },
    latency = latency.table "data/qwen3_1_7b_latency_grid.csv", policies = policies,
  },
  scenario {
    title = "steps", workload = requests(arrivals.gamma { rate = 4, cv = 2 }), slo = slo, seeds = 2, -- preemptions, swaps
    cluster = { gpus = 2, kv_block = 16, kv_blocks = 200, swap = { tokens = 1500, seconds_per_token = 1e-5 } },
    latency = latency.step { base = 0.010, per_token = 0.0003, per_context = 1e-6, noise = 0.1 },
    policies = { "vllm_v1", "srpt", "pang", "power_of_two", "static_fifo" },
  },
}
SCENARIO
}

# run_into NAME PROGRAM OPTION...: NAME.csv without the columns of the wall clock, and the dumps in NAME.
run_into() {
    local to=$BATS_TEST_TMPDIR/$1 program=$2
    shift 2
    "$program" run "$BATS_TEST_TMPDIR/scenario.lua" --quiet --format csv --dump requests,batches,decisions \
        --out "$to" "$@" >"$to.all.csv" || return 1
    rm "$to"/summary.*
    awk -F, -v OFS=, '/sim_wall_s/ { for (i = 1; i <= NF; i++) if ($i ~ /^sim_(wall_s|requests_per_s)$/) drop[i] = 1 }
        NF { line = ""; for (i = 1; i <= NF; i++) if (!(i in drop)) line = line $i OFS; print line }' "$to.all.csv" >"$to.csv"
    [ "$(wc -l <"$to.csv")" -eq 51 ] # 5 policies: 2 points of 3 seeds, 2 seeds, and 2 seeds
}

# What processors without fused multiply-add (and AVX2, which glibc takes as a sign of it) do.
without_fma() {
    GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA_Usable,-FMA4,-AVX2,-AVX2_Usable run_into "$@"
}

same() {
    cmp "$BATS_TEST_TMPDIR/$1.csv" "$BATS_TEST_TMPDIR/$2.csv" && diff -rq "$BATS_TEST_TMPDIR/$1" "$BATS_TEST_TMPDIR/$2"
}

@test "the same bits in two runs, and for 1, 2 and 8 threads" {
    run_into first "$MBSAND" --jobs 1
    [ "$(find "$BATS_TEST_TMPDIR/first" -name '*.csv' | wc -l)" -eq 200 ]
    run_into second "$MBSAND" --jobs 1
    same first second
    run_into two "$MBSAND" --jobs 2
    same first two
    run_into eight "$MBSAND" --jobs 8
    same first eight
}

@test "the same bits on a processor without fused multiply-add" {
    run_into first "$MBSAND" --jobs 2
    without_fma plain "$MBSAND" --jobs 2
    same first plain
}

@test "other seeds give other numbers: the comparison can tell" {
    run_into first "$MBSAND" --jobs 2
    run_into other "$MBSAND" --jobs 2 --seed 43
    if same first other >/dev/null 2>&1; then return 1; fi
    # and within a run no two seeds are alike
    [ "$(cut -d, -f2- "$BATS_TEST_TMPDIR/first.csv" | sort -u | wc -l)" -eq 51 ]
}

@test "a job's numbers do not depend on the jobs around it" {
    run_into first "$MBSAND" --jobs 2
    "$MBSAND" run "$BATS_TEST_TMPDIR/scenario.lua" --quiet --jobs 1 --seeds 1 --format csv --dump requests \
        --out "$BATS_TEST_TMPDIR/alone" >/dev/null
    for file in "$BATS_TEST_TMPDIR"/alone/section-*/requests-*; do
        cmp "$file" "${file/alone/first}"
    done
}

@test "the policies compared in a run see the same requests" {
    run_into first "$MBSAND" --jobs 2
    for policy in dynamic_no_bins multi_bin_dynamic multi_bin lottery; do
        for seed in 1 2 3; do
            for name in static_fifo "$policy"; do # what the requests are, in order of arrival, less what became of them
                sort -t, -k1,1n "$BATS_TEST_TMPDIR/first/section-1/point1-requests-$name-$seed.csv" |
                    cut -d, -f1-6 >"$BATS_TEST_TMPDIR/$name.requests"
            done
            cmp "$BATS_TEST_TMPDIR/static_fifo.requests" "$BATS_TEST_TMPDIR/$policy.requests"
        done
    done
}

@test "Lua 5.4 and LuaJIT give the same bits" {
    [ -n "${MBSAND_LUAJIT:-}" ] || skip "MBSAND_LUAJIT names no program"
    [ -x "$MBSAND_LUAJIT" ] || skip "there is no $MBSAND_LUAJIT"
    run_into lua "$MBSAND" --jobs 2
    without_fma luajit "$MBSAND_LUAJIT" --jobs 2
    same lua luajit
}
