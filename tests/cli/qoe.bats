#!/usr/bin/env bats
# qoe: how well the tokens' times suit who reads them, against values worked by hand.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# scenario LATENCY ROWS CLUSTER: readers of 10 tokens a second who expect the first after 1 s
scenario() {
    printf 't,p,o\n%b' "$2" >t.csv
    cat >s.lua <<END
return scenario {
  workload = trace.csv "t.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { gpus = 1, $3 },
  latency = $1,
  qoe = { speed = 10, ttft = 1 },
  policies = { "fcfs" },
  seeds = 1,
}
END
}

# qoe MEAN P10: of the run, jumping and step by step
qoe() {
    for option in --quiet --step; do
        "$MBSAND" s.lua -q $option --format json >r.json 2>/dev/null
        jq -e --argjson mean "$1" --argjson low "$2" '.results[0].policies[0].runs[0].values |
            (.qoe_mean - $mean | fabs) < 1e-12 and (.qoe_p10 - $low | fabs) < 0.001' r.json >/dev/null ||
            { jq -c '.results[0].policies[0].runs[0].values | [.qoe_mean, .qoe_p10]' r.json; return 1; }
    done
}

@test "all tokens at once, a second late: half" {
    # 20 tokens at 2 s: read from 2 to 4 s, 20 token seconds; expected 20 up to 3 s, and 20 more up to 4.
    scenario 'latency.step { base = 1e-15, prompts = { base = 2 } }' '0,100,20\n' 'kv_blocks = 1000'
    qoe 0.5 0.5
}

@test "steps slower than the reader, and a second request that waits for the first" {
    # One at a time, a token every 0.5 s. The first: read at 0.5, 1, 1.5 to 1.6 s, 3 x 1.6 - 3 - 0.15 = 1.65; expected
    # from 1 s on: 0.45 up to 1.3 s, and 3 x 0.3, so he has more than that. The second: at 2, 2.5, 3 to 3.1 s: 1.65 of
    # 0.45 + 3 x 1.8. The tenth percentile of two is a tenth of the way between them.
    scenario 'latency.step { base = 0.5 }' '0,1,3\n0,1,3\n' 'max_requests = 1'
    qoe "$(jq -n '(1 + 1.65 / 5.85) / 2')" "$(jq -n '0.9 * 1.65 / 5.85 + 0.1')"
}

@test "of a whole batch" {
    # A prompt takes 1 s, each token after it 0.5 s: the first of a batch comes after 1 s, the third after 2 s, read by 2.1;
    # the second batch is 2 s later. 3 x 2.1 - 4.5 - 0.15 = 1.65 of 0.45 + 3 x 0.8, and 3 x 4.1 - 10.5 - 0.15 of 0.45 + 3 x 2.8.
    cat >b.lua <<END
return { schedule = function(self, replica, step)
  if replica.running == 0 then step:admit(self.sim.queue, 1) step:barrier() end
end }
END
    scenario 'latency.step { base = 0.5, prompts = { base = 1 } }' '0,1,3\n0,1,3\n' 'kv_blocks = 10'
    sed -i 's|"fcfs"|"./b.lua"|' s.lua
    qoe "$(jq -n '(1.65 / 2.85 + 1.65 / 8.85) / 2')" "$(jq -n '0.9 * 1.65 / 8.85 + 0.1 * 1.65 / 2.85')"
    # A law of whole batches: tokens at 0.5, 1, 1.5 s, which is soon enough, and 2.5 s later, when the first batch has ended.
    scenario 'latency.batch { alpha = 0.5, beta = 0.5, gamma = 0 }' '0,1,3\n0,1,3\n' 'kv_tokens = 4'
    sed -i 's|"fcfs"|"static_fifo"|' s.lua
    qoe "$(jq -n '(1 + 1.65 / 8.85) / 2')" "$(jq -n '0.9 * 1.65 / 8.85 + 0.1')"
}

@test "a class has its own reader, or the scenario's; policies see both" {
    cat >p.lua <<'END'
return { schedule = function(self, replica, step) step:carry() step:admit(self.sim.queue) end,
  arrive = function(self, req)
    local qoe = req.slo.qoe
    self.sim:observe(req.class, qoe.speed) self.sim:observe(req.class, qoe.ttft)
    self.sim.queue:push(req)
  end }
END
    cat >s.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.constant { rate = 1 }, prompt = 1, output = 2, limit = 20, classes = {
    { name = "a", share = 1, qoe = { speed = 3, ttft = 0 } }, { name = "b", share = 1 } } },
  latency = latency.step { base = 0.01 }, qoe = { speed = 5, ttft = 0.25 }, policies = { "./p.lua" }, seeds = 1 }
END
    "$MBSAND" s.lua -q --out o --dump decisions --format csv >/dev/null
    [ "$(cut -d, -f3,4 o/decisions-p-1.csv | sort -u | grep '^[ab]' | tr '\n' ' ')" = "a,0 a,3 b,0.25 b,5 " ] ||
        { sort -u o/decisions-p-1.csv | head; return 1; }
}

@test "no scenario without qoe has the measures; what is wrong with one is said" {
    scenario 'latency.step { base = 0.5 }' '0,1,3\n' ''
    "$MBSAND" s.lua -q | grep -q "QoE mean"
    sed -i '/qoe/d' s.lua
    run "$MBSAND" s.lua -q --format csv
    [[ $output != *qoe_* ]]
    sed -i 's/seeds = 1/qoe = { speed = 0, ttft = 1 }, seeds = 1/' s.lua
    run "$MBSAND" s.lua -q
    [ "$status" -eq 2 ] && [[ $output == *"qoe.speed is 0; expected a number above 0 (tokens per second)"* ]]
    sed -i 's/speed = 0/speed = 2/; s/ttft = 1/tfft = 1/' s.lua
    run "$MBSAND" s.lua -q
    [ "$status" -eq 2 ] && [[ $output == *"tfft"* ]]
}
