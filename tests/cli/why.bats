#!/usr/bin/env bats
# Where the time of requests went, against values worked by hand; in every format.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    small_traces
}

scenario() { step_scenario "$1" "$2"; } # scenario TRACE CLUSTER

# parts [--step]: the parts of each request in seconds, without those that it spent nothing on
parts() {
    "$MBSAND" s.lua -q --why --out "out$1" --dump requests $1 >/dev/null
    awk -F, 'NR == 1 { for (i = 14; i <= NF; i++) name[i] = substr($i, 1, length($i) - 2); next }
        { line = $1; for (i = 14; i <= NF; i++) if ($i + 0) line = line " " name[i] " " $i; print line }' "out$1"/requests-*.csv
}

spends() {
    [ "$(parts)" = "$1" ] || { parts; false; }
    [ "$(parts --step)" = "$1" ]
}

@test "a step with a prompt and a decode: what the prompt adds is stalled" {
    scenario two.csv
    policy 'step:carry() step:admit(self.sim.queue)'
    spends "1 waiting 0.005100000 prefill 0.020100000 decode 0.010200000
0 prefill 0.020000000 decode 0.040500000 stalled 0.010000000"
}

@test "prompts first: a decode that is left out is stalled for the whole step" {
    scenario two.csv
    policy 'if step:admit(self.sim.queue) == 0 then step:carry() end'
    spends "1 waiting 0.005100000 prefill 0.020000000 decode 0.010200000
0 prefill 0.020000000 decode 0.040500000 stalled 0.020000000"
}

@test "recompute: 101 of 102 tokens are computed again, and the time between is aside" {
    scenario one.csv
    interrupting recompute
    spends "0 prefill 0.020198040 decode 0.020200000 again 0.020001960 aside 0.010000000"
}

@test "swap: on the host, and both transfers" {
    scenario one.csv ", swap = { tokens = 1000, seconds_per_token = 1e-5 }"
    interrupting swap
    spends "0 prefill 0.020000000 decode 0.030300000 moved 0.012020000"
}

@test "pause: aside, and nothing is computed again" {
    scenario one.csv
    interrupting pause
    spends "0 prefill 0.020000000 decode 0.030300000 aside 0.010000000"
}

@test "restart, then a static batch of steps: all of the prompt is computed again, and no more" {
    scenario one.csv
    interrupting restart
    sed -i 's/^  step:admit(self.sim.queue)/&\n  if self.calls > 3 then step:barrier() end/' my.lua
    spends "0 prefill 0.020000000 decode 0.030300000 again 0.030100000 aside 0.010000000"
}

whole_batch() {
    cat >s.lua <<'END'
return scenario {
  workload = trace.csv "batch.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  latency = latency.batch { alpha = 0.1, beta = 0.001, gamma = 0.5 },
  policies = { "static_fifo" },
  seeds = 1,
}
END
}

@test "a whole batch: what the longest member adds is padding" {
    whole_batch
    spends "0 prefill 0.100000000 decode 0.025000000 padding 0.100000000
1 prefill 0.100000000 decode 0.125000000"
}

@test "a static batch of steps: padded to the longest prompt and answer" {
    # Two rows of 40 tokens: 18 ms to the first token, and 10.2 ms for each of 4 more; of 20 tokens 14 ms, and one more.
    printf 't,p,o\n0,20,2\n0,40,5\n' >one.csv
    scenario one.csv
    policy 'step:admit(self.sim.queue) step:barrier()'
    spends "0 prefill 0.014000000 decode 0.010200000 padding 0.034600000
1 prefill 0.018000000 decode 0.040800000"
}

@test "every format has the parts, and only where somebody asked" {
    whole_batch
    run "$MBSAND" s.lua -q
    [[ $output != *"where the time went"* ]]
    run "$MBSAND" s.lua -q --format csv
    [[ $output != *why_* ]]
    "$MBSAND" s.lua -q --why | grep -q "^static_fifo  *0.2250 *0.1000 *0.0750 *0.0500$"
    "$MBSAND" s.lua -q --why --format md | grep -qF "| static\_fifo | 0.2250 | 0.1000 | 0.0750 | 0.0500 |"
    [ "$("$MBSAND" s.lua -q --why --format json | jq '.results[0].policies[0].runs[0].values.why_padding_s')" = 0.05 ]
    "$MBSAND" s.lua -q --why --format csv | head -1 | grep -q ",why_aside_s,why_padding_s$"
    sed -i 's/seeds = 1/columns = { "why_padding_s" }, seeds = 1/' s.lua
    "$MBSAND" s.lua -q | grep -q "50"
    "$MBSAND" sweep s.lua -q --db w.db
    "$MBSAND" show w.db | grep -q "where the time went"
}

@test "a sentence says what makes a policy faster, and by how much" {
    # One by one: the first in 0.12 s, the second waits for it and takes 0.2 s: 0.22 s in the mean, the batch 0.225.
    whole_batch
    run "$MBSAND" s.lua -q --why --policy static_fifo,batch_size=1
    says "static_fifo batch_size=1 is 2.2 % faster than static_fifo: 50 ms less padding, 15 ms less decode;"
    says "but 60 ms more waiting."
}
