# mbsand explain: the stretch on which two policies differ, where it can be worked out by hand.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export COLUMNS=50 LC_ALL=C # a column a second: 12 for labels, 32 for the time, 6 to end the last one's number
    # A batch of one takes as many seconds as it has tokens: A 10, B 20, C 2.
    printf 't,in,out\n0,5,5\n1,5,15\n2,1,1\n' >three.csv
    cat >three.lua <<'END'
return scenario { workload = trace.csv "three.csv" { columns = { time = "t", prompt = "in", output = "out" } },
  latency = latency.batch { alpha = 0, beta = 1, gamma = 0 }, cluster = { gpus = 1 },
  policies = { { "static_fifo", batch_size = 1, label = "fcfs" }, { "static_sjf", batch_size = 1, label = "sjf" } } }
END
    cat >steps.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 2 }, prompt = lengths.uniform { low = 50, high = 400 },
    output = lengths.uniform { low = 20, high = 300 }, limit = 300 },
  latency = latency.step { base = 0.02, per_token = 2e-4, per_context = 1e-6 }, cluster = { gpus = 2, kv_blocks = 60, kv_block = 16 },
  policies = { "fcfs", "sjf" } }
END
}

@test "first come first served and shortest first, on three requests" {
    run -0 "$MBSAND" explain three.lua
    says "sjf wins on all 3 requests: mean end-to-end latency 17 s with sjf, 23 s with fcfs (-26 %)."
    says "On the whole run of 3 requests: 17 s with sjf, 23 s with fcfs (-26 %)."
    # A runs at once; B waits for A (1 to 10), C (2 to 30) for both; shortest first, C goes at 10 and B at 12.
    cat >want.txt <<'END'
            0         10        20        30 s
            +---------+---------+---------+-
fcfs
replica 1   Aaaaaaaaaa
             .........Bbbbbbbbbbbbbbbbbbbb
              ............................Cc
sjf
replica 1   Aaaaaaaaaa
             ...........Bbbbbbbbbbbbbbbbbbbb
              ........Cc
A prefill, a decode, . waits
END
    "$MBSAND" explain three.lua | sed -n '/^  *0 /,/^A prefill/p' >got.txt
    diff want.txt got.txt
    says "B waited 9 s for what A had under way on replica 1 C waited 28 s: replica 1 was busy with A and B; queued behind B; the batch was at the policy's limit"
    says "B waited 11 s: replica 1 was busy with A and C; overtaken by C, which came later; the batch was at the policy's limit C waited 8 s for what A had under way on replica 1"
    says "B 1 1 5 15 15 29 31"
    # (10 + 20 + 2) / 3 s of service; 37 / 3 s of waiting, 19 / 3 s.
    says "fcfs 12.33 10.67 sjf 6.333 10.67"
    LC_ALL=C.UTF-8 run -0 "$MBSAND" explain three.lua
    says "·········Bbbb"
    [[ $output != *$'\e'* ]]
}

@test "what turned them away: memory, limits of the policy and of the engine; and the bins that they waited in" {
    # 20 tokens of memory: B (15) and C (6) do not fit together.
    printf 't,in,out\n0,5,5\n1,5,10\n2,3,3\n' >three.csv
    run -0 "$MBSAND" explain three.lua --set cluster.kv_tokens=20 -p static_fifo,batch_size=8 -p sjf
    says "C waited 23 s: replica 1 was busy with A and B; queued behind B; its KV memory was not free"
    says "B waited 15 s: replica 1 was busy with A and C; overtaken by C, which came later; the batch was at the policy's limit"
    # Steps of a second, two requests at most.
    cat >steps.lua <<'END'
return scenario { workload = trace.csv "three.csv" { columns = { time = "t", prompt = "in", output = "out" } },
  latency = latency.step { base = 1 }, cluster = { gpus = 1, kv_blocks = 100, max_requests = 2 }, policies = { "fcfs", "srpt" } }
END
    run -0 "$MBSAND" explain steps.lua
    says "C waited 3 s: replica 1 was busy with A and B; as many ran as may"
    run -0 "$MBSAND" explain three.lua -p static_fifo -p multi_bin_dynamic,bins=2
    says "bin 2 of 2"
    "$MBSAND" explain three.lua -p static_fifo -p multi_bin_dynamic,bins=2 --format json >bins.json
    [ "$(jq -c '[.policies[].requests[].bin | select(. != null)] | unique' bins.json)" = "[1,2]" ]
}

@test "the three are found among many, and nothing that does not matter stays" {
    { echo t,in,out
      for i in {0..199}; do echo "$((i * 100)),5,5"; done
      printf '20000,5,5\n20001,5,15\n20002,1,1\n'
      for i in {210..400}; do echo "$((i * 100)),3,7"; done; } >three.csv
    run -0 "$MBSAND" explain three.lua
    says "sjf wins on 3 requests: mean end-to-end latency 17 s with sjf, 23 s with fcfs (-26 %)."
    says "A 200 0 5 5 5 10 10 B 201 1 5 15 15 29 31 C 202 2 1 1 1 30 10"
    [ "$("$MBSAND" explain three.lua --format json | grep -c '"letter"')" = 3 ]
}

@test "policies by label, by name, with parameters, and with --set" {
    run -0 "$MBSAND" explain three.lua -p sjf -p static_fifo,batch_size=3
    says "static_fifo"
    "$MBSAND" explain three.lua -p fcfs -p sjf >two.txt
    "$MBSAND" explain three.lua | cmp - two.txt
    "$MBSAND" explain three.lua -p sjf -p fcfs >other.txt
    grep -q "sjf wins on all 3 requests" other.txt
    run -0 "$MBSAND" explain three.lua --set cluster.gpus=2
    says "do not differ: the same schedule for all 3 requests"
}

@test "two that do not differ, in their schedule or in the measure" {
    run -0 "$MBSAND" explain three.lua -p fcfs -p static_fifo,batch_size=1
    says "fcfs and static_fifo do not differ: the same schedule for all 3 requests."
    run -0 "$MBSAND" explain three.lua --measure tbt
    says "fcfs and sjf do not differ: the schedules do, but not the time between tokens of any of the 3 requests."
    "$MBSAND" explain three.lua -p fcfs -p static_fifo,batch_size=1 --format json >same.json
    grep -q '"same_schedule": true' same.json
    grep -q '"winner": null' same.json
}

@test "steps: the same bits for any threads, --step and both engines; a request's pieces add up" {
    for measure in e2e ttft tbt; do
        "$MBSAND" explain steps.lua --measure $measure --format json -j 1 >one.json
        "$MBSAND" explain steps.lua --measure $measure --format json -j 2 | cmp - one.json
        "$MBSAND" explain steps.lua --measure $measure --format json --step | cmp - one.json
        [ ! -x "$MBSAND_LUAJIT" ] || "$MBSAND_LUAJIT" explain steps.lua --measure $measure --format json | cmp - one.json
        python3 - one.json <<'END'
import json, sys
e = json.load(open(sys.argv[1]))
assert 0 < e["stretch"]["difference"] and e["stretch"]["difference"] >= 0.5 * e["largest_difference"], e["stretch"]
asked = {r["id"]: r for r in e["stretch"]["requests"]}
assert len(asked) < 60 and e["pairs_of_runs"] <= 500 and not e["cut_short"], (len(asked), e["pairs_of_runs"])
name, sums = e["measure"], {}
for policy in e["policies"]:
    values = []
    for r in policy["requests"]:
        spent = sum(r["spent_s"].values())
        assert abs(spent - (r["end_s"] - asked[r["id"]]["arrival_s"])) < 1e-8, r
        pieces = r["pieces"]
        assert pieces[0]["from_s"] == asked[r["id"]]["arrival_s"] and pieces[-1]["to_s"] == r["end_s"], r
        assert all(a["to_s"] == b["from_s"] for a, b in zip(pieces, pieces[1:])), r
        start = next(p["from_s"] for p in pieces if p["doing"] == "prefill")
        assert start == r["start_s"], r
        n = asked[r["id"]]["output_tokens"]
        values.append({"e2e": r["end_s"] - asked[r["id"]]["arrival_s"], "ttft": r["first_token_s"] - asked[r["id"]]["arrival_s"],
                       "tbt": (r["end_s"] - r["first_token_s"]) / (n - 1)}[name])
    sums[policy["policy"]] = sum(values) / len(values)
for label, mean in e["stretch"]["mean_s"].items():
    assert abs(sums[label] - mean) < 1e-9 * mean, (label, sums, mean)
END
    done
}

@test "the means of the whole run are those of mbsand run" {
    "$MBSAND" explain steps.lua --format json >one.json
    "$MBSAND" steps.lua --seeds 1 --format csv -q >run.csv 2>/dev/null
    python3 - one.json run.csv <<'END'
import csv, json, sys
whole = json.load(open(sys.argv[1]))["whole_run"]["mean_s"]
for row in csv.DictReader(open(sys.argv[2])):
    assert abs(whole[row["policy"]] / float(row["e2e_mean_s"]) - 1) < 1e-12, (row["policy"], whole)
END
}

# A step takes a second. A is set aside after two tokens and goes on when B, with six tokens, is done.
@test "preempted, swapped and paused requests have marks of their own" {
    printf 't,in,out\n0,5,5\n0,5,6\n' >two.csv
    cat >two.lua <<'END'
return scenario { workload = trace.csv "two.csv" { columns = { time = "t", prompt = "in", output = "out" } },
  latency = latency.step { base = 1 }, cluster = { gpus = 1, kv_blocks = 30, kv_block = 16, swap = { tokens = 100, seconds_per_token = 0 } },
  policies = { "fcfs", { "./put_off.lua", how = "recompute" } } }
END
    cat >put_off.lua <<'END'
local P = { params = { how = "pause" } }
function P:schedule(replica, step)
  step:carry()
  step:quantum(1)
  for req in replica:each_running() do
    if req.id == 0 and req:generated() == 2 and not self.done then
      self.done = true
      step:preempt(req, self.params.how)
    end
  end
  if replica.running == 0 or not self.done then step:admit(self.sim.queue, 8) end
end
return P
END
    export COLUMNS=40 # 22 columns for 9 s: A runs for 2 s, is away for 4
    run -0 "$MBSAND" explain two.lua --measure tbt --set params.how=recompute
    says "! preempted, to be computed again"
    says "AAaaa!!!!!!!!!!AAaaaaa"
    run -0 "$MBSAND" explain two.lua --set params.how=swap
    says "~ preempted, swapped to the host"
    says "AAaaa~~~~~~~~~~aaaaaaa"
    run -0 "$MBSAND" explain two.lua --set params.how=pause
    says "= preempted, memory kept"
    says "AAaaa==========aaaaaaa"
}

@test "-o writes a stretch that run alone gives the same times, bins and all" {
    cat >bins.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 6 }, prompt = lengths.uniform { low = 50, high = 400 },
    output = lengths.lognormal { mean = 120, median = 60, max = 2000 }, limit = 400, clients = 3, predictor = predict.lognormal(0.3) },
  latency = latency.batch { alpha = 0.061, beta = 0.0057, gamma = 1 / 3 }, cluster = { gpus = 2, kv_tokens = 9000 }, slo = { e2e = 20 },
  policies = { "static_sjf", { "multi_bin_dynamic", unlimited_memory = true } }, seeds = 3 }
END
    cat >mine.lua <<'END'
return { params = { most = 2 }, schedule = function(self, _, step) step:admit(self.sim.queue, self.params.most) end }
END
    for what in "refined { sigma = 0.7, every = 5, floor = 0.1 }" "bins { edges = { 60, 150 }, highest = 400 }"; do
        sed "s/limit = 300/limit = 200, predictor = predict.$what/; s/gpus = 2/gpus = 1/" steps.lua >"by_${what%% *}.lua"
    done
    for i in {0..39}; do echo "$((i / 2)),60,$((20 + i * 7 % 50)),s$((i % 7))"; done | sed '1i t,in,out,s
      s/s0$//' >calls.csv # and some belong to none
    sed 's/workload = .*/workload = trace.csv "calls.csv" { columns = { time = "t", prompt = "in", output = "out", session = "s" } },/
      /output = lengths/d; s/gpus = 2/gpus = 1, max_requests = 2/' steps.lua >calls.lua
    cat >classes.lua <<'END'
return scenario { by = "class", slo = { e2e = 20 }, policies = { "edf", "fcfs" },
  workload = synthetic { arrivals = arrivals.poisson { rate = 6 }, limit = 200, clients = 3, classes = {
    { name = ' a, "b"', share = 7, prompt = 300, output = lengths.exponential { mean = 100, max = 900 }, priority = 1,
      slo = { ttft = 1, tbt = 0.03, e2e = 9, late = 0.1 }, qoe = { speed = 5, ttft = 1 } },
    { name = "as all", share = 2, prompt = 100, output = 50 },
    { name = "none", share = 1, prompt = lengths.uniform { low = 2000, high = 4000 }, output = 100, slo = {} } } },
  latency = latency.step { base = 0.017, per_token = 90e-6, per_context = 100e-9 }, cluster = { gpus = 1, kv_blocks = 1000, max_requests = 2 } }
END
    for case in "classes.lua" "bins.lua --set params.bins=3" "by_refined.lua -p trail -p fcfs" "by_bins.lua -p a_min -p fcfs" "calls.lua -p plas -p fcfs" "steps.lua -p sjf -p sarathi,chunk=64" "three.lua -p sjf -p ./mine.lua --seed 7 --set cluster.gpus=1"; do
        # shellcheck disable=SC2086
        "$MBSAND" explain $case -o out/s.lua --format json >whole.json 2>err.txt
        [ ! -s err.txt ] || { cat err.txt; false; }
        "$MBSAND" explain out/s.lua --format json >alone.json
        "$MBSAND" out/s.lua -q --format csv --out run --dump requests >run.csv 2>/dev/null
        python3 - whole.json alone.json run <<'END'
import csv, glob, json, sys
whole, alone = (json.load(open(path)) for path in sys.argv[1:3])
ids = [r["id"] for r in whole["stretch"]["requests"]]
assert alone["requests"] == len(ids) and alone["whole_run"] == {**alone["whole_run"], "mean_s": whole["stretch"]["mean_s"]}, alone
for policy in whole["policies"]:
    rows = [r for path in glob.glob(sys.argv[3] + "/requests-%s*.csv" % policy["policy"]) for r in csv.DictReader(open(path))]
    rows.sort(key=lambda r: int(r["id"]))
    got = [(float(r["start_s"]), float(r["first_token_s"]), float(r["end_s"])) for r in rows]
    assert got == [(r["start_s"], r["first_token_s"], r["end_s"]) for r in policy["requests"]], (policy["policy"], got)
END
        rm -rf out run
    done
    run -2 "$MBSAND" explain three.lua -o three.lua
    says "-o three.lua would write over three.lua, which the run reads" || says "-o three.lua would write over three.csv, which the run reads"
    run -2 "$MBSAND" explain three.lua -o out
    says "-o: 'out' is no scenario's name; expected NAME.lua"
    run -1 "$MBSAND" explain three.lua -p fcfs -p static_fifo,batch_size=1 -o out/s.lua
    says "out/s.lua is not written: there is nothing on which the two differ"
    [ ! -e out ]
    sed 's/latency.step {.*}, cluster/latency.custom(function(step) return 0.02 end), cluster/' steps.lua >custom.lua
    run -2 "$MBSAND" explain custom.lua -o out/s.lua
    says "latency.time is a function, which cannot be written into a scenario's script"
    touch file
    run -2 "$MBSAND" explain three.lua -o file/s.lua
    says "cannot make the folder file: a file of that name exists"
}

@test "mistakes, failing policies and interruptions are a sentence" {
    run -2 "$MBSAND" explain three.lua -p fcfs
    says "expected two policies, as in --policy vllm_v1 --policy sarathi; 1 is named"
    run -2 "$MBSAND" explain three.lua -p fcfs -p sjfx
    says 'there is no policy'
    run -2 "$MBSAND" explain three.lua --measure e3e
    says "--measure: 'e3e' is unknown; expected e2e, ttft or tbt"
    run -2 "$MBSAND" explain three.lua --format csv
    says "--format: expected table or json"
    run -2 "$MBSAND" explain burst
    says "which two policies? The scenario has 7; for example: --policy static_fifo --policy vllm_v1"
    run -2 "$MBSAND" explain chunked_prefill
    says "explain is for one point, and this scenario is a sweep of 7; give each swept key one value with --set"
    run -2 "$MBSAND" explain continuous_burst
    says "explain is for one scenario, and this file returns 2; --section names one, from 1 to 2"
    run -2 "$MBSAND" explain continuous_burst --section 3
    says "--section names one, from 1 to 2"
    sed 's/arrivals = arrivals.poisson { rate = 2 }/users = 4/' steps.lua >users.lua
    run -2 "$MBSAND" explain users.lua
    says "here requests wait for answers before they come, so that each policy sees others"
    echo 'return { schedule = function() error("boom") end }' >bad.lua
    run -1 "$MBSAND" explain three.lua -p fcfs -p ./bad.lua
    says "bad: ./bad.lua:1: boom"
    echo 'return { schedule = function() while true do end end }' >slow.lua
    "$MBSAND" explain three.lua -p fcfs -p ./slow.lua --hook-seconds 600 >out.txt 2>&1 &
    pid=$!
    until_busy "$pid" # before that it may not listen yet
    kill -INT "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" = 1 ]
    grep -q "interrupted before both policies had run once" out.txt
}

@test "one of several scenarios in a file" {
    for rate in 5 20; do
        cat >$rate.lua <<END
return scenario { title = "rate $rate", workload = synthetic { arrivals = arrivals.poisson { rate = $rate }, prompt = 100,
    output = lengths.uniform { low = 5, high = 100 }, limit = 300 }, latency = latency.step { base = 0.01, per_token = 0.0001 },
  cluster = { gpus = 1, max_requests = 4 }, policies = { "fcfs", "sjf" }, seeds = 1 }
END
    done
    { echo 'return {'; sed -s 's/^return //; $s/$/,/' 5.lua 20.lua; echo '}'; } >both.lua
    "$MBSAND" explain 5.lua --format json >5.json
    "$MBSAND" explain 20.lua --format json >20.json
    ! cmp -s 5.json 20.json
    "$MBSAND" explain both.lua --section 1 --format json | cmp - 5.json
    "$MBSAND" explain both.lua --section 2 --format json | cmp - 20.json
}
