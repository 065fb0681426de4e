# What ended the admissions of a batch or step: counted by hand for a few requests that come at once.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    printf '%s\n' t,in,out 0,5,5 0,5,5 0,5,5 0,5,5 0,5,5 >five.csv
    cat >five.lua <<'SCENARIO'
return scenario {
  workload = trace.csv "five.csv" { columns = { time = "t", prompt = "in", output = "out" } },
  cluster = { gpus = 1 }, latency = latency.batch { alpha = 0.01, beta = 0.001, gamma = 0.3 },
  policies = { { "static_fifo", batch_size = 2 } }, seeds = 1,
}
SCENARIO
    sed 's/latency.batch {.*gamma = 0.3 }/latency.step { base = 0.01, per_token = 0.001, per_context = 0 }/; s/gpus = 1/gpus = 1, kv_block = 5/' \
        five.lua >steps.lua
}

shares() { # shares SCENARIO [OPTION...]: of the last policy: at_queue at_cap at_b_sla at_b_mem at_memory at_tokens, batches
    "$MBSAND" "$@" --quiet --format csv 2>/dev/null | python3 -c '
import csv, sys
row = list(csv.DictReader(sys.stdin))[-1]
print(*["%.3g" % float(row["at_" + name]) for name in "queue cap b_sla b_mem memory tokens".split()], row["batches"])'
}

policy() { # policy BODY: my.lua, whose schedule is the body
    printf 'local P = {}\nfunction P:schedule(replica, step)\n%s\nend\nreturn P\n' "$1" >my.lua
}

@test "batches of two out of five: two at the cap, the last takes what is left" {
    run shares five.lua
    echo "$output"
    [ "$output" = "0.333 0.667 0 0 0 0 3" ]
    run shares steps.lua # as a whole batch of an engine
    echo "$output"
    [ "$output" = "0.333 0.667 0 0 0 0 3" ]
}

@test "a cap that is met exactly as the queue ends limits nothing" {
    run shares five.lua --set params.batch_size=5
    [ "$output" = "1 0 0 0 0 0 1" ]
}

@test "memory, the token budget and the number that may run" {
    run shares five.lua --set params.batch_size=5 --set cluster.kv_tokens=29
    echo "$output"
    [ "$output" = "0.333 0 0 0 0.667 0 3" ]
    run shares steps.lua --set params.batch_size=5 --set cluster.kv_blocks=5 # rows go back at the barrier
    echo "$output"
    [ "$output" = "0.333 0 0 0 0.667 0 3" ]
    run shares five.lua --set params.batch_size=5 --set cluster.token_budget=14
    echo "$output"
    [ "$output" = "0.333 0 0 0 0 0.667 3" ]
    run shares five.lua --set params.batch_size=5 --set cluster.max_requests=2
    echo "$output"
    [ "$output" = "0.333 0.667 0 0 0 0 3" ]
}

@test "a policy says what its number is due to" {
    policy 'step:admit(self.sim.queue, 2, #self.sim.queue > 3 and "b_sla" or "b_mem")'
    run shares five.lua -p ./my.lua
    echo "$output"
    [ "$output" = "0.333 0 0.333 0.333 0 0 3" ]
    policy 'replica.max_requests = 2 step:admit(self.sim.queue, nil, "b_sla")'
    run shares five.lua -p ./my.lua
    echo "$output"
    [ "$output" = "0.333 0 0.667 0 0 0 3" ]
    policy 'step:admit(self.sim.queue, 2, "b_slo")'
    run "$MBSAND" five.lua --quiet -p ./my.lua
    [ "$status" -eq 1 ]
    says 'my.lua:3: step:admit: the number is due to "cap", "b_sla" or "b_mem", not "b_slo"'
}

@test "requests added one by one" {
    policy 'local n = 0
      for req in self.sim.queue:each() do n = n + 1 if n > 2 or not step:add(req) then break end end'
    run shares five.lua -p ./my.lua
    echo "$output"
    [ "$output" = "0.333 0.667 0 0 0 0 3" ]
    policy 'for _ = 1, 2 do local req = self.sim.queue:pop() if req then step:add(req) end end' # out of any queue
    run shares five.lua -p ./my.lua
    echo "$output"
    [ "$output" = "0.333 0.667 0 0 0 0 3" ]
}

@test "of an engine's steps only those count that took somebody in" {
    sed -i 's/{ "static_fifo", batch_size = 2 }/"fcfs"/' steps.lua
    for step in "" --step; do
        run shares steps.lua $step
        [ "${output% *}" = "1 0 0 0 0 0" ]
        run shares steps.lua $step --set cluster.max_requests=2 # two, two and one, at three different times
        [ "${output% *}" = "0.333 0.667 0 0 0 0" ]
        run shares steps.lua $step --set cluster.token_budget=9 # one whole prompt and a part of the next in each
        echo "$output"
        [ "$(awk '{ print ($6 > 0.5) }' <<<"$output")" -eq 1 ]
    done
}

@test "the bundled controllers name their limit" {
    sed -i 's/five.csv/long.csv/; s/{ "static_fifo", batch_size = 2 }/{ "dynamic_no_bins", max_batch = 8 }/' five.lua
    { echo t,in,out; for i in $(seq 400); do echo 0,5,$((i % 7 + 2)); done; } >long.csv
    run shares five.lua # no bound on the time between tokens, no memory limit: the cap
    [ "$(cut -d' ' -f2-4 <<<"$output")" = "0.98 0 0" ] # 49 of 50 batches
    run shares five.lua --set cluster.kv_tokens=60 --set params.memory_rule=exact
    echo "$output"
    [ "$(awk '{ print ($2 == 0 && $4 > 0.5) }' <<<"$output")" -eq 1 ]
    run shares five.lua --set slo.tbt=0.0011
    echo "$output"
    [ "$(awk '{ print ($2 < 0.1 && $3 > 0.9 && $4 == 0) }' <<<"$output")" -eq 1 ]
}
