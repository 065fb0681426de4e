#!/usr/bin/env bats
# What was observed, from when to when, and of how many: stopped runs, warm-ups, less than was asked for.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    # Steps of 0.1 s. The first request takes 2 s, the second would be done after 101 s.
    printf 't,p,o\n0,10,20\n1,10,1000\n' >two.csv
    cat >two.lua <<'END'
return scenario {
  workload = trace.csv "two.csv" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { gpus = 1, kv_tokens = 3200 }, latency = latency.step { base = 0.1 },
  slo = { ttft = 1, tbt = 1, e2e = 40 }, policies = { "fcfs" }, seeds = 1, stop_time = 50,
}
END
    cat >short.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.piecewise { { 10, 2 } }, prompt = 10, output = 1, limit = 1000 },
  cluster = { gpus = 1 }, latency = latency.step { base = 1e-4 }, policies = { "fcfs" }, seeds = 1,
}
END
}

# values MEASURE... -- ARGUMENT...: of the only run.
values() {
    local names=()
    while [ "$1" != -- ]; do names+=("$1"); shift; done
    shift
    "$MBSAND" "$@" --quiet --format csv 2>warnings | awk -F, -v names="${names[*]}" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR == 2 { n = split(names, list, " ")
                  for (i = 1; i <= n; i++) printf "%s%.6g", (i > 1 ? " " : ""), $at[list[i]] }'
}

@test "a stopped run: time averages end where it does, and who is late then has missed" {
    for way in "" --step; do
        # shellcheck disable=SC2086
        [ "$(values duration_s gpu_util throughput_rps e2e_violation slo_attainment censored -- two.lua $way)" = "50 1 0.02 0.5 0.5 0" ]
        # shellcheck disable=SC2086
        [ "$(values e2e_violation slo_attainment censored served_share -- two.lua --set slo.e2e=60 $way)" = "0 1 1 0.5" ]
    done
    grep -q 'had not finished 1 of 2 requests at `stop_time`, .*; 1 of them were not late yet' warnings
    # 1,000 tokens from 1.1 s on: 0.1 s each is the least that their mean can become, 48.9 s / 999 by now.
    [ "$(values tbt_violation -- two.lua --set slo.tbt=0.048)" = 1 ]
    [ "$(values tbt_violation censored -- two.lua --set slo.tbt=0.09 --set slo.e2e=60)" = "1 1" ]
}

@test "a warm-up in requests or in seconds: utilisation and rates begin when it ends" {
    sed -i 's/, stop_time = 50//' two.lua # the second request ends after 101 s
    [ "$(values duration_s gpu_util throughput_rps served_share -- two.lua)" = "101 1 0.019802 1" ]
    [ "$(values duration_s gpu_util throughput_rps slo_attainment -- two.lua --set warmup=1)" = "100 1 0.02 0" ]
    [ "$(values duration_s throughput_rps batches -- two.lua --set warmup.requests=1)" = "100 0.02 1000" ]
    [ "$(values duration_s throughput_rps batches -- two.lua --set warmup.seconds=51)" = "50 0.02 500" ]
    [ "$(values duration_s throughput_rps batches -- two.lua --set warmup.seconds=51 --step)" = "50 0.02 500" ]
    values duration_s -- two.lua --set warmup=5
    grep -q 'fcfs: in 1 of 1 runs all was over before the `warmup` was, so nothing was measured' warnings
    run "$MBSAND" two.lua -q --set warmup.seconds=0.5
    says "0.5 s of warm-up, 1 seed"
    run "$MBSAND" two.lua -q --set warmup=-1
    [ "$status" -eq 2 ]
    says "--set warmup=-1: warmup.requests is -1; expected a whole number from 0"
    sed -i 's/seeds = 1,/seeds = 1, warmup = { requests = 1, seconds = 2 },/' two.lua
    run "$MBSAND" two.lua -q
    [ "$status" -eq 2 ]
    says "warmup has requests and seconds; expected one of them"
}

@test "who is never served has missed: rejecting and starving win nothing" {
    cat >picky.lua <<'END'
local Picky = { params = { reject = true } }
function Picky:arrive(req)
  if req.id < 2 then self.sim.queue:push(req) elseif self.params.reject then self.sim:reject(req, "no") end
end
function Picky:schedule(replica, step)
  step:carry()
  step:admit(self.sim.queue)
end
return Picky
END
    sed -i 's/latency = /slo = { e2e = 5 }, latency = /' short.lua
    sed -i 's/"fcfs"/{ ".\/picky.lua", reject = true }/' short.lua
    [ "$(values served_share slo_attainment e2e_violation rejected -- short.lua --set workload.limit=8)" = "0.25 0.25 0.75 6" ]
    sed -i 's/reject = true/reject = false/' short.lua
    [ "$(values served_share slo_attainment e2e_violation unfinished censored -- short.lua --set workload.limit=8)" = "0.25 0.25 0.75 6 0" ]
    grep -q 'never served 6 of 8 requests' warnings
}

# short_of TEXT ARGUMENT...: the sentence, and the number of requests that were simulated before that of those asked for.
short_of() {
    local text=$1
    shift
    for format in table md json; do
        run "$MBSAND" "$@" --quiet --format $format
        says "$text"
    done
    says '"requests_asked": 1000'
    run "$MBSAND" "$@" --quiet --format csv
    says "mbsand: warning: "
    says "$text"
    run "$MBSAND" "$@" --quiet
    [[ $output =~ ([0-9]+)\ of\ 1,000\  ]]
    [ "${BASH_REMATCH[1]}" -eq "$(values requests -- "$@")" ]
}

@test "fewer requests than asked for: the heading and every format say so, with the reason" {
    short_of "requests were simulated and not the 1,000 of \`limit\`: no more arrive after" short.lua
    short_of "not the 1,000 of \`limit\`: \`stop_time\`, 3 s, came first" short.lua --set stop_time=3
    short_of "not the 1,000 of \`limit\`: \`until_time\` came first" short.lua --set workload.until_time=4
    short_of "2 requests were simulated and not the 1,000 of \`limit\`: the trace ends at 1 s" two.lua \
        --set workload.limit=1000 --set stop_time=200
    short_of "1 requests were simulated and not the 1,000 of \`limit\`: the window ends first" two.lua \
        --set workload.limit=1000 --set workload.to=1
    sed 's/arrivals = [^}]*} }/users = 2, think = 1/' short.lua >users.lua
    short_of "not the 1,000 of \`limit\`: \`until_time\` came first" users.lua --set workload.until_time=20
    run "$MBSAND" two.lua -q --set workload.until_time=30
    says "warning: the trace ends at 1 s, before the time that was asked for (\`to\`, \`until_time\`)"
    run "$MBSAND" two.lua -q --set workload.until_time=0.5
    ! [[ $output == *"trace ends"* ]]
    run "$MBSAND" short.lua -q --set workload.limit=5
    says "5 synthetic requests (arrivals piecewise)"
    ! [[ $output == *warning* ]]
}

@test "percentiles keep their meaning where a unit slipped" {
    sed -i 's/, stop_time = 50//; s/base = 0.1/base = 1e13/' two.lua
    [ "$(values e2e_p50_s e2e_mean_s e2e_max_s -- two.lua --set workload.limit=1)" = "2e+14 2e+14 2e+14" ]
    sed -i 's/base = 1e13/base = 1e-13/' two.lua
    [ "$(values ttft_p50_s e2e_p50_s -- two.lua --set workload.limit=1)" = "1e-13 2e-12" ]
}
