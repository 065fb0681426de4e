#!/usr/bin/env bats
# slo.gap: the largest gap between a request's tokens, against values worked by hand.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    small_traces
}

scenario() { step_scenario "$1" "" "slo = { gap = $2 },"; } # scenario TRACE GAP

# gaps MEAN VIOLATION MET: of the run, jumping and step by step
gaps() {
    for option in --quiet --step; do
        "$MBSAND" s.lua -q $option --format json >r.json 2>/dev/null
        jq -e --argjson mean "$1" --argjson missed "$2" --argjson met "$3" '.results[0].policies[0].runs[0].values |
            (.gap_mean_s - $mean | fabs) < 1e-12 and .gap_violation == $missed and .slo_attainment == $met' r.json >/dev/null ||
            { jq -c '.results[0].policies[0].runs[0].values | [.gap_mean_s, .gap_violation, .slo_attainment]' r.json; return 1; }
    done
}

@test "a step with another's prompt makes the largest gap" {
    # Tokens of the first at 20, 30.1, 50.2, 60.4, 70.5 ms, of the second at 50.2 and 60.4: 20.1 and 10.2 ms.
    scenario two.csv 0.015
    policy 'step:carry() step:admit(self.sim.queue)'
    gaps 0.01515 0.5 0.5
}

@test "prompts first: the gap of a decode that is left out reaches to its next step" {
    # 20, 30.1, then the other's prompt up to 50.1, 60.3, ...: 30.2 and 10.2 ms.
    scenario two.csv 0.0301
    policy 'if step:admit(self.sim.queue) == 0 then step:carry() end'
    gaps 0.0202 0.5 0.5
    scenario two.csv 0.0302
    gaps 0.0202 0 1
}

@test "gaps reach over a preemption, whatever became of the memory" {
    # Tokens at 20, 30.1; set aside until 40.1; recompute: the next at 60.3, pause: at 50.2.
    scenario one.csv 0.025
    for how in recompute pause; do
        interrupting $how
        [ $how = pause ] || gaps 0.0302 1 0
        [ $how = recompute ] || gaps 0.0201 0 1
    done
}

@test "alone: every gap is a step" {
    scenario one.csv 0.5
    policy 'step:carry() step:admit(self.sim.queue)'
    gaps 0.0101 0 1
}

@test "of a whole batch all gaps are its time between tokens" {
    cat >s.lua <<'END'
return scenario {
  workload = trace.csv "batch.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  latency = latency.batch { alpha = 0.1, beta = 0.001, gamma = 0.5 },
  slo = { gap = 0.001 },
  policies = { "static_fifo" },
  seeds = 1,
}
END
    gaps 0.00125 1 0
}

@test "no scenario without slo.gap has the measures" {
    scenario one.csv 0.5
    policy 'step:carry() step:admit(self.sim.queue)'
    sed -i 's/slo = .*//' s.lua
    run "$MBSAND" s.lua -q --format csv
    [[ $output != *gap_* ]]
    sed -i 's/seeds = 1/seeds = 1, columns = { "gap_p99_s" }/' s.lua
    "$MBSAND" s.lua -q --format csv 2>/dev/null | head -1 | grep -q ",gap_mean_s,gap_p99_s$"
}
