# Intervals and verdicts as they are printed: --baseline, --until, one long run.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cat >s.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson{ rate = 3 }, prompt = lengths.uniform(20, 500),
    output = lengths.uniform(1, 300), limit = 400 },
  cluster = { gpus = 2, kv_tokens = 20000 },
  latency = latency.batch{ alpha = 0.05, beta = 0.005, gamma = 0.3 },
  slo = { e2e = 30 },
  policies = { { "static_fifo", batch_size = 2, label = "two" }, { "static_fifo", batch_size = 8, label = "eight" } },
  seeds = 3,
}
END
}

says() { grep -qF -- "$1" <<<"$output" || { echo "not printed: $1"; echo "$output"; return 1; }; }

@test "--until adds seeds, the same whatever the threads, and says how many" {
    run "$MBSAND" s.lua --until 4%,e2e_mean_s -j 1
    [ "$status" -eq 0 ]
    one=$output
    seeds=$(grep -oE '[0-9]+ seeds were run' <<<"$output" | grep -oE '^[0-9]+')
    [ "$seeds" -gt 5 ]
    [ "$seeds" -lt 100 ]
    says ", $seeds seeds"
    tr '\n' ' ' <<<"$output" | grep -qE 'for an interval of +`e2e_mean_s` +within +±4 %: ±[0-9.]+ +% +is +reached'
    run "$MBSAND" s.lua --until 4%,e2e_mean_s -j 2
    [ "$output" = "$one" ]
    # The seeds are those that --seeds gives.
    run "$MBSAND" s.lua --seeds "$seeds" --format csv
    "$MBSAND" s.lua --until 4%,e2e_mean_s --format csv >until.csv
    [ "$(cut -d, -f1-40 <<<"$output")" = "$(cut -d, -f1-40 until.csv)" ]
}

@test "--until stops at --max-seeds, and says what is left" {
    run "$MBSAND" s.lua --until 0.01% --max-seeds 7
    [ "$status" -eq 0 ]
    says "7 seeds were run"
    says "not reached"
    [ "$("$MBSAND" s.lua --until 0.01% --max-seeds 7 --format csv 2>err | wc -l)" -eq 15 ]
    grep -q 'warning: 7 seeds were run' err
    run "$MBSAND" s.lua --until 0.01% --max-seeds 7 --format json
    says '"max_seeds": 7'
}

@test "--until and --baseline say what is wrong with them" {
    run "$MBSAND" s.lua --until 2
    [ "$status" -eq 2 ]
    says "--until: '2' is not a percentage above 0, such as 2% or 2%,e2e_mean_s"
    run "$MBSAND" s.lua --until 2%,speed
    [ "$status" -eq 2 ]
    says "--until: 'speed' is no measure"
    run "$MBSAND" s.lua --max-seeds 9
    [ "$status" -eq 2 ]
    says "--max-seeds is the cap of --until, which is not given"
    run "$MBSAND" s.lua --baseline four
    [ "$status" -eq 2 ]
    says "--baseline: no policy here is called 'four'; there are two, eight"
}

@test "--baseline compares with the policy that is named" {
    run "$MBSAND" s.lua --baseline two --seeds 5
    [ "$status" -eq 0 ]
    says "eight against two: better in goodput ("
    says "* better than two: paired by seed"
    run "$MBSAND" s.lua --baseline two --seeds 5 --format json
    says '"baseline": "two"'
    says '"against": "two"'
    run ! grep -q '"against": "eight"' <<<"$output"
}

@test "one long run has batch means, and says how many" {
    run "$MBSAND" s.lua --seeds 1 --set workload.limit=20000 --set workload.arrivals.rate=0.8
    [ "$status" -eq 0 ]
    says "by the means of 19 batches of 1,024 requests in order of"
    says "With one seed there is no"
    grep -qE '^eight .*±' <<<"$output"
    run "$MBSAND" s.lua --seeds 2
    run ! grep -q "One run" <<<"$output"
}

@test "--control says whether anything is scarce" {
    one_line() { output=$(tr '\n' ' ' <<<"$output"); }
    run "$MBSAND" s.lua --control --seeds 5
    [ "$status" -eq 0 ]
    one_line
    says "Control with unlimited memory and twice the replicas: mean latency "
    says "the scenario can tell policies apart."
    run "$MBSAND" s.lua --control --seeds 5 --set workload.arrivals.rate=0.001
    one_line
    says "No policy is faster there by more than 1 %"
    # The control is what the scenario gives with these values, and changes nothing else.
    "$MBSAND" s.lua --control --format json --out with 2>err >/dev/null
    grep -q "note: Control with" err
    "$MBSAND" s.lua --set cluster.gpus=4 --set cluster.kv_tokens=1000000000 --format json >relaxed.json
    "$MBSAND" s.lua --format csv >plain.csv
    [ "$(cut -d, -f1-40 plain.csv)" = "$(cut -d, -f1-40 with/summary.csv)" ]
    level() { grep -A12 "\"$2\": {" "$1" | grep -m1 throughput_rps; }
    [ -n "$(level relaxed.json level)" ]
    [ "$(level with/summary.json control_level)" = "$(level relaxed.json level)" ]
}
