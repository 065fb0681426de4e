# --bound: worked by hand, in every format, and refused where nothing is known.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    printf 'arrival,prompt,output\n0,100,5\n0,100,5\n0,100,5\n0,100,5\n' >four.csv
    cat >batches.lua <<'END'
return scenario {
  workload = trace.csv "four.csv" { columns = { time = "arrival", prompt = "prompt", output = "output" } },
  cluster = { gpus = 1, kv_tokens = 210 }, latency = latency.batch{ alpha = 1, beta = 0.01, gamma = 0 }, seeds = 1,
  policies = { { "static_fifo", batch_size = 2, label = "pairs" }, { "static_fifo", batch_size = 1, label = "single" } },
}
END
    cat >steps.lua <<'END'
return scenario {
  workload = trace.csv "four.csv" { columns = { time = "arrival", prompt = "prompt", output = "output" } },
  cluster = { gpus = 1, kv_blocks = 14, kv_block = 15, kv = "paged" },
  latency = latency.step{ base = 1, per_token = 0.01, per_context = 0.0001 }, seeds = 1, policies = { "fcfs" },
}
END
}

says() { grep -qF -- "$1" <<<"$output" || { echo "not printed: $1"; echo "$output"; return 1; }; }

# value FILE ROW COLUMN, rounded to 9 digits
value() {
    awk -F, -v row="$2" -v name="$3" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } $1 == row {
        text = $at[name]; if (text == "") print "none"; else printf "%.9g\n", text }' "$1"
}

@test "whole batches: alone 2.05 s, four of 105 tokens in 210 take two batches" {
    "$MBSAND" batches.lua --bound --format csv >out.csv
    [ "$(value out.csv pairs bound_e2e_mean_s)" = 2.05 ]
    [ "$(value out.csv pairs bound_ttft_p99_s)" = "$(value out.csv single bound_ttft_p99_s)" ]
    [ "$(value out.csv pairs bound_duration_s)" = 4.1 ]
    [ "$(value out.csv pairs regret_duration_s)" = 0 ]
    [ "$(value out.csv single regret_duration_s)" = 0.5 ]
    [ "$(value out.csv single regret_throughput_rps)" = 0.5 ]
    # E2E of pairs: 2.05, 2.05, 4.1, 4.1
    [ "$(value out.csv pairs regret_e2e_mean_s)" = 0.333333333 ]
    [ "$(value out.csv pairs clairvoyant_duration_s)" = 4.1 ]
}

@test "steps: alone 2 s and 4 decodes of 1.01 s and their context" {
    "$MBSAND" steps.lua --bound --format csv >out.csv
    [ "$(value out.csv fcfs bound_ttft_mean_s)" = 2 ]
    # 4 x 1.01 + 0.0001 (101 + 102 + 103 + 104)
    [ "$(value out.csv fcfs bound_e2e_mean_s)" = 6.081 ]
    # The four requests' own: 4 (1 + 0.04 + 0.041); base: 4 (100 + ... + 104) / 15 of 14 blocks
    [ "$(value out.csv fcfs bound_duration_s)" = 14.0382857 ]
    "$MBSAND" steps.lua --bound --format csv --set cluster.kv_blocks=1000 >roomy.csv
    [ "$(value roomy.csv fcfs bound_duration_s)" = 6.081 ]
}

@test "steps: company and preemption may be cheaper than a decode alone, and the bound knows" {
    # Alone a decode is padded to eight tokens, beside a token of a prompt it is not: 2 + 4 x 1.02 + 0.041
    sed 's/per_context = 0.0001/&, graph_sizes = { 8 }/' steps.lua >padded.lua
    "$MBSAND" padded.lua --bound --format csv >out.csv
    [ "$(value out.csv fcfs bound_e2e_mean_s)" = 6.121 ]
    # A decode that reads 101 tokens takes 2.02 s, to compute 101 - 90 of them again 1.11 s: 2 + 1.11 + ... + 1.14
    sed 's/per_context = 0.0001/per_context = 0.01/; s/kv = "paged"/&, prefix_cache = true/' steps.lua >dear.lua
    "$MBSAND" dear.lua --bound --format csv >out.csv
    [ "$(value out.csv fcfs bound_e2e_mean_s)" = 6.5 ]
    # Without a cache all are computed again: 2.01 ... 2.04, less than 2.02 ... 2.05
    "$MBSAND" dear.lua --bound --format csv --set cluster.prefix_cache=false >out.csv
    [ "$(value out.csv fcfs bound_e2e_mean_s)" = 10.1 ]
}

@test "every format has the bound and the regret; without --bound none has" {
    run "$MBSAND" batches.lua --bound
    says "best possible"
    says "regret of single"
    says "50.00 %"
    says "bound: no policy does better on these requests."
    run "$MBSAND" batches.lua --bound --format md
    says "| regret of single |"
    "$MBSAND" batches.lua --bound --format json >out.json
    grep -q '"best_possible": {' out.json
    grep -q '"regret": {' out.json
    grep -q '"no_bound": null' out.json
    for format in table md json csv; do
        run ! grep -qE "best possible|regret|clairvoyant" <("$MBSAND" batches.lua --format $format)
    done
    # Nothing else is changed by it.
    "$MBSAND" batches.lua --format csv | cut -d, -f1-60 >plain.csv
    "$MBSAND" batches.lua --bound --format csv | cut -d, -f1-60 | cmp - plain.csv
}

@test "where no bound holds it is refused with the reason, in every format" {
    for change in "latency.noise=0.1 noise" "stop_time=3 stop_time"; do
        run "$MBSAND" batches.lua --bound --set "${change% *}"
        output=$(tr '\n' ' ' <<<"$output")
        says "warning: no bound, and no regret: with \`${change#* }\`"
        if [ "${change#* }" = noise ]; then says "clairvoyant"; fi
        run ! grep -q "regret of" <<<"$output"
        "$MBSAND" batches.lua --bound --set "${change% *}" --format csv >out.csv 2>err
        grep -q "no bound, and no regret" err
        [ "$(value out.csv pairs bound_e2e_mean_s)" = none ]
        [ "$(value out.csv pairs regret_e2e_mean_s)" = none ]
        "$MBSAND" batches.lua --bound --set "${change% *}" --format json | grep -q '"no_bound": "with'
    done
    sed 's/latency = .*/latency = latency.custom(function() return 1 end), seeds = 1, policies = { "fcfs" },/' steps.lua >custom.lua
    run "$MBSAND" custom.lua --bound
    output=$(tr '\n' ' ' <<<"$output")
    says "no bound, and no regret: what the function of \`latency.custom\` returns"
    cat >closed.lua <<'END'
return scenario {
  workload = synthetic { users = 3, think = 1, prompt = 10, output = 5, limit = 20 }, cluster = { gpus = 1 },
  latency = latency.step{ base = 0.01 }, seeds = 1, policies = { "fcfs" },
}
END
    run "$MBSAND" closed.lua --bound
    says "no bound, and no regret: requests that wait for answers"
}

@test "a policy that serves only some requests has no regret" {
    cat >picky.lua <<'END'
local Picky = {}
function Picky:arrive(req) if req.id == 0 then self.sim.queue:push(req) else self.sim:reject(req, "no") end end
function Picky:schedule(replica, step) step:admit(self.sim.queue) end
return Picky
END
    "$MBSAND" batches.lua --bound --policy ./picky.lua --format csv >out.csv
    [ "$(value out.csv picky e2e_mean_s)" = 2.05 ]
    [ "$(value out.csv picky regret_e2e_mean_s)" = none ]
    [ "$(value out.csv picky regret_throughput_rps)" = none ]
    [ "$(value out.csv pairs regret_duration_s)" = 0 ]
    run "$MBSAND" batches.lua --bound --policy ./picky.lua
    output=$(tr '\n' ' ' <<<"$output")
    says "None where a policy did not serve every request"
}
