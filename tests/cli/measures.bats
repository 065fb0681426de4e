#!/usr/bin/env bats
# Measures of programs and of fairness among clients, against values worked by hand.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# scenario WORKLOAD MORE: steps of 10 ms
scenario() {
    cat >s.lua <<END
return scenario {
  workload = $1,
  cluster = { gpus = 1, max_requests = 1 },
  latency = latency.step { base = 0.01 },
  policies = { "fcfs" },
  seeds = 1,
  $2
}
END
}

csv() { echo "trace.csv \"t.csv\" { columns = { time = \"t\", prompt = \"p\", output = \"o\", $1 }, $2 }"; }

# measures NAME=VALUE...: of the first policy, jumping and step by step
measures() {
    for option in --quiet --step; do
        "$MBSAND" s.lua -q $option --format json >r.json 2>/dev/null
        for pair in "$@"; do
            jq -e --arg name "${pair%=*}" --argjson value "${pair#*=}" \
                '.results[0].policies[0].runs[0].values[$name] - $value | fabs < 1e-12' r.json >/dev/null ||
                { echo "$pair: $(jq -c ".results[0].policies[0].runs[0].values.${pair%=*}" r.json)"; return 1; }
        done
    done
}

@test "a session from its first arrival to its last answer" {
    # Two turns of two tokens: 0.02 s, think 0.5 s, 0.02 s.
    scenario 'synthetic { users = 1, sessions = { turns = 2, think = 0.5 }, prompt = 10, output = 2, limit = 2 }' \
        'columns = { "program_mean_s" }'
    measures program_mean_s=0.54 program_p99_s=0.54 program_tokens_s=0.135
    # The limit cuts off a third turn: that session never ended.
    sed -i 's/turns = 2/turns = 3/' s.lua
    "$MBSAND" s.lua -q --format json 2>/dev/null | jq -e '.results[0].policies[0].runs[0].values.program_mean_s == null'
}

@test "sessions of a trace, whether their prompts grow or not" {
    # a: from 0 to 1.03 s, 5 tokens; b: from 0.1 to 0.11 s; who has no session is none; c has a request rejected.
    printf 't,p,o,s\n0,1,2,a\n0.1,1,1,b\n0.5,1,1,\n0.6,1,1,c\n0.7,4000,1,c\n1,1,3,a\n' >t.csv
    for turns in '' 'context = "grow"'; do
        scenario "$(csv 'session = "s"' "$turns")" 'columns = { "program_mean_s" }'
        sed -i 's/max_requests/kv_blocks = 200, max_requests/' s.lua
        measures program_mean_s=0.52 "program_tokens_s=$(jq -n '(1.03 / 5 + 0.01) / 2')" rejected=1
    done
    # Where a run is stopped nobody knows whether a session of a trace goes on.
    sed -i 's/seeds = 1/seeds = 1, stop_time = 5/; s/0.7,4000/9,1/' s.lua t.csv
    run "$MBSAND" s.lua -q --format csv
    [[ $output == *rejected* && $output != *program_* ]]
}

@test "no measure of programs where nobody asks" {
    scenario 'synthetic { users = 1, sessions = { turns = 2, think = 0.5 }, prompt = 10, output = 2, limit = 2 }'
    run "$MBSAND" s.lua -q --format csv
    [[ $output != *program_* && $output != *service_* ]]
}

@test "two clients apart: first come, first served against fair" {
    # Each request is worth 2 + 2 x 2. At 0 the first of A has begun: 2 apart. Its tokens, and the others of A: 4, 8, 10, 14 apart
    # when the last of A begins, and A waits no more. By turns they are 2 to 4 apart.
    printf 't,p,o,c\n0,2,2,A\n0,2,2,A\n0,2,2,A\n0,2,2,B\n0,2,2,B\n0,2,2,B\n' >t.csv
    scenario "$(csv 'client = "c"')" 'fair = {},'
    measures service_gap=12
    sed -i 's/"fcfs"/"vtc"/' s.lua
    measures service_gap=2
    # Weights: the prompt alone counts, 3 a token: 6, 12 and 18 of A, while B has none.
    sed -i 's/"vtc"/"fcfs"/; s/fair = {}/fair = { w_prompt = 3, w_output = 0 }/' s.lua
    measures service_gap=12
    # Without the first 0.015 s: 4 apart then, 14 at last.
    sed -i 's/fair = .*/fair = {}, warmup = { seconds = 0.015 },/' s.lua
    measures service_gap=10
    # One after the other: they never wait at the same time.
    printf 't,p,o,c\n0,2,2,A\n0,2,2,A\n1,2,2,B\n1,2,2,B\n' >t.csv
    scenario "$(csv 'client = "c"')" 'columns = { "service_gap" },'
    measures service_gap=0
    sed -i 's/client = "c"//' s.lua
    run "$MBSAND" s.lua -q --format csv
    [[ $output != *service_gap* ]]
}

@test "tokens later than they are due" {
    # One at a time, tokens at 10, 20, 30, 40 ms, and of the second at 50 and 60 ms, due at 15, 21, 27, 33, ...: late are the
    # third by 3 and the fourth by 7 ms, the second's first by 35 and its other one by 39 ms.
    printf 't,p,o\n0,1,4\n0,1,2\n' >t.csv
    scenario "$(csv '')" 'slo = { ttft = 0.015, tbt = 0.006 }, columns = { "late_tokens" },'
    measures "late_tokens=$(jq -n '4 / 6')" "late_mean_s=$(jq -n '0.084 / 6')"
    # Exactly in time is not late.
    sed -i 's/ttft = 0.015, tbt = 0.006/ttft = 0.05, tbt = 0.01/' s.lua
    measures late_tokens=0 late_mean_s=0
    # Whatever step a token comes in: of the batch, 10 ms a token.
    cat >b.lua <<END
return { schedule = function(self, replica, step)
  if replica.running == 0 then step:admit(self.sim.queue, 1) step:barrier() end
end }
END
    sed -i 's/ttft = 0.05, tbt = 0.01/ttft = 0.015, tbt = 0.006/; s|"fcfs"|"./b.lua"|' s.lua
    measures "late_tokens=$(jq -n '4 / 6')" "late_mean_s=$(jq -n '0.084 / 6')"
    # As a promise: of the first, a half is late, which may be; of the second, all.
    sed -i 's/tbt = 0.006 }/tbt = 0.006, late = 0.5 }/; s/, columns = { "late_tokens" }//' s.lua
    for policy in ./b.lua fcfs; do
        sed -i "s|policies = .*|policies = { \"$policy\" },|" s.lua
        measures "late_tokens=$(jq -n '4 / 6')" late_violation=0.5 ttft_violation=0.5 tbt_violation=1 slo_attainment=0
        # At 41 ms the first is done; of the second nothing is there, and all that is to come is late: it has missed.
        sed -i 's/  seeds/  stop_time = 0.041, seeds/' s.lua
        measures late_violation=0.5
        sed -i 's/late = 0.5/late = 0.25/' s.lua
        measures late_violation=1
        # At 30 ms the third token of the first is late: if a quarter may be, nothing is said yet; if less, it has missed.
        printf 't,p,o\n0,1,4\n' >t.csv
        sed -i 's/0.041/0.0301/' s.lua
        run "$MBSAND" s.lua -q --format json
        [[ $output != *'"late_violation": '[01]* ]]
        sed -i 's/late = 0.25/late = 0.2/' s.lua
        measures late_violation=1
        sed -i 's/stop_time = 0.0301, //; s/late = 0.2/late = 0.5/' s.lua
        printf 't,p,o\n0,1,4\n0,1,2\n' >t.csv
    done
    # Nothing says then when tokens are due.
    sed -i 's/ttft = 0.015, //' s.lua
    run "$MBSAND" s.lua
    [ "$status" -eq 2 ] && [[ $output == *"slo.late bounds the share of the tokens that come later than ttft and tbt say; give both"* ]]
    sed -i 's/tbt = 0.006, late = 0.5/ttft = 0.015, tbt = 0.006/; s/slo = {/columns = { "late_tokens" }, slo = {/' s.lua
    # Without both bounds nothing is due at any time.
    sed -i 's/, tbt = 0.006//' s.lua
    run "$MBSAND" s.lua -q --format csv
    [[ $output != *late_* ]]
}

@test "who asks for a measure elsewhere gets it: search, tune, until" {
    scenario 'synthetic { arrivals = arrivals.poisson { rate = 1 }, clients = 2, prompt = 10, output = 5, limit = 300 }' \
        'slo = { ttft = 0.1, tbt = 0.02 },'
    for slo in 'why_waiting_s<=0.05' 'gap_p99_s<=0.06' 'late_mean_s<=0.05' 'service_gap<=100' 'late_tokens<=0.1'; do
        "$MBSAND" search s.lua --over workload.arrivals.rate=1..100 --slo "$slo" --format json >r.json 2>/dev/null
        jq -e --arg measure "${slo%<=*}" '[.answers[].seeds[].runs[][$measure]] | length > 0 and all(. != null)' r.json
    done
    "$MBSAND" search s.lua --policy sarathi --tune params.chunk=2..20 --measure why_decode_s --only sarathi --fresh 2 --runs 30 --format csv 2>/dev/null >r.csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "why_decode_s") at = i } NR > 1 && $at == "" { bad = 1 } END { exit !at || bad || NR < 2 }' r.csv
    "$MBSAND" s.lua -q --seeds 5 --until 50%,why_waiting_s --format json 2>/dev/null |
        jq -e '.results[0].policies[0].runs[0].values.why_waiting_s > 0'
}

@test "more clients than are compared at a time: a warning in every format" {
    scenario 'synthetic { arrivals = arrivals.all_at_once {}, clients = 400, prompt = 1, output = 1, limit = 600 }' 'fair = {},'
    for format in table md; do
        run "$MBSAND" s.lua -q --format $format
        [[ ${output//$'\n'  / } == *"more than 128 clients waited at a time"* ]]
    done
    "$MBSAND" s.lua -q --format json 2>/dev/null | jq -e '.. | .notes? // empty | tostring | test("128 clients")'
    "$MBSAND" s.lua -q --format csv 2>&1 >/dev/null | tr '\n' ' ' | grep -q "more than 128 clients"
}

@test "replicas that stand idle beside another's own queue are counted, and told in every format" {
    cat >one.lua <<'EOF'
local P = {}
function P:arrive(req) self.sim.replicas[1].queue:push(req) end
function P:schedule(replica, step)
  if replica.id == 3 then return step:idle() end -- on purpose
  step:carry()
  step:admit(replica.queue)
end
return P
EOF
    cat >beside.lua <<'EOF'
-- Steps of 1/64 s, one request of 10 tokens at a time on replica 1. The third waits to 20/64 s: so long replica 2 stands
-- idle beside that queue. Replica 3 does so on purpose, 4 has a role of its own.
return scenario {
  workload = requests { { 0, 100, 10 }, { 0, 100, 10 }, { 0, 100, 10 } },
  latency = latency.step { base = 1 / 64 },
  cluster = { kv_blocks = 1000, max_requests = 1, link = { bandwidth = 10 }, kv_bytes_per_token = 1000,
    groups = { { name = "all", gpus = 3 }, { name = "late", role = "decode" } } },
  policies = { "./one.lua" }, seeds = 1, columns = { "idle_beside_s", "idle_with_work_s" },
}
EOF
    run -0 "$MBSAND" beside.lua
    says '0.3125'
    says "warning: replicas stood idle while requests that they could have served waited in another's own"
    says 'queue: under one 0.31'
    for way in csv json md; do
        run -0 "$MBSAND" beside.lua --format $way
        says "could have served waited in another's own queue"
    done
    run -0 "$MBSAND" beside.lua --step --format json
    says '"idle_beside_s": 0.3125'
    # Idle on purpose for the first 5/64 s, and then no more.
    sed -i 's/if replica.id == 3 then return step:idle() end.*/if replica.id == 3 and self.sim.now < 5 \/ 64 then return step:idle(5 \/ 64) end/' one.lua
    run -0 "$MBSAND" beside.lua --format csv
    says 0.546875 # 20/64 s of one, 15/64 s of the other
    run -0 "$MBSAND" continuous_burst --seeds 1 --set workload.limit=100 --format csv
    [[ $output != *idle_beside* ]] # no queues of the replicas' own
}

@test "rows of classes and clients are what the dump of requests says, jumping and step by step" {
    cat >by.lua <<'EOF'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 3 }, limit = 200, clients = 3, classes = {
    { name = "chat", share = 3, clients = { 0, 2 }, prompt = 100, output = lengths.uniform(1, 80), slo = { ttft = 0.05 } },
    { name = "long, late", share = 2, clients = { 1 }, active = { { 8, 20 }, { 40, 50 } }, prompt = 1000, output = 200 } } },
  latency = latency.step { base = 0.010, per_token = 5e-5 },
  cluster = { kv_blocks = 200 }, policies = { "vllm_v1" }, seeds = 1, exact_percentiles = true, warmup = 20,
}
EOF
    for by in class client; do
        run -0 "$MBSAND" by.lua --by $by --format csv --out out --dump requests
        cmp <(echo "$output") out/by.csv
        run -0 "$MBSAND" by.lua --by $by --format csv --step
        cmp <(echo "$output") out/by.csv
        cat >check.lua <<'EOF'
-- A dump and the rows made of it: counts, means, the median, what met the promise.
local by = arg[1]
local function cells(line)
  local list = {}
  line = line:gsub('"([^"]*)"', function(text) return (text:gsub(",", ";")) end)
  for cell in (line .. ","):gmatch("([^,]*),") do list[#list + 1] = cell end
  return list
end
local function rows(path)
  local heads, list = nil, {}
  for line in io.lines(path) do
    local row = {}
    for i, cell in ipairs(cells(line)) do if heads then row[heads[i]] = cell end end
    if heads then list[#list + 1] = row else heads = cells(line) end
  end
  return list
end
local all, count, late = {}, 0, 0
for _, row in ipairs(rows("out/requests-vllm_v1-1.csv")) do
  local at = tonumber(row.arrival_s) -- who is linked to a class, and when it is active
  local active = at >= 8 and at < 20 or at >= 40 and at < 50
  if row.client == "client-1" and active then late = late + 1 end
  assert(row.client ~= "client-1" or active)
  assert(by ~= "class" or (row.class == "chat") == (row.client ~= "client-1"))
  if tonumber(row.id) >= 20 then
    local one = all[row[by]] or { e2e = {}, sum = 0, met = 0 }
    all[row[by]] = one
    local e2e = row.end_s - row.arrival_s
    one.e2e[#one.e2e + 1], one.sum = e2e, one.sum + e2e
    if row.class ~= "chat" or row.first_token_s - row.arrival_s <= 0.05 + 1e-12 then one.met = one.met + 1 end
  end
end
for _, row in ipairs(rows("out/by.csv")) do
  local one = assert(all[row[by]], row[by])
  local n = #one.e2e
  table.sort(one.e2e)
  local place = (n - 1) / 2
  local median = (one.e2e[math.floor(place) + 1] + one.e2e[math.ceil(place) + 1]) / 2
  assert(tonumber(row.requests) == n and tonumber(row.served_share) == 1)
  assert(math.abs(row.e2e_mean_s - one.sum / n) < 1e-9 and math.abs(row.e2e_p50_s - median) < 1e-9)
  assert(by == "client" or math.abs(row.slo_attainment - one.met / n) < 1e-9)
  count = count + 1
end
assert(count == (by == "class" and 2 or 3), count)
assert(late > 10 and late < 60, late) -- two fifths of 3/s in 22 s: 26
EOF
        run -0 lua5.4 check.lua $by
    done
    run -0 "$MBSAND" by.lua --by class --format json
    says '"long, late": {'
    run -0 "$MBSAND" by.lua --by class
    says 'long, late vllm_v1'
    run -0 "$MBSAND" by.lua --by class --format md
    says '| long, late | vllm\_v1 |'
    run -2 "$MBSAND" burst --by class
    says 'by = "class": the workload has no classes; expected workload.classes, or by = "client"'
    run -2 "$MBSAND" burst --by cat
    says "--by: 'cat' is unknown; expected class or client"
}

@test "classes of a trace's own: rows, promises, priorities; jumping as step by step, sorted, as JSON lines" {
    cd "$BATS_TEST_TMPDIR" || return 1
    awk 'BEGIN { srand(3); print "t,p,o,kind,who"; for (i = 0; i < 400; i++)
        printf "%.3f,%d,%d,%s,%s\n", i / 8, 50 + 900 * rand(), 5 + 200 * rand(), rand() < 0.6 ? "chat" : "batch", rand() < 0.5 ? "x" : "y" }' >t.csv
    awk -F, 'NR > 1 { printf "{\"t\":%s,\"p\":%s,\"o\":%s,\"kind\":\"%s\",\"who\":\"%s\"}\n", $1, $2, $3, $4, $5 }' t.csv >t.jsonl
    { head -1 t.csv; tail -n +2 t.csv | tac; } >backwards.csv
    of() { # the trace, its columns besides, and keys besides
        printf 'return scenario { workload = %s { %s = { time = "t", prompt = "p", output = "o"%s }%s },
            cluster = { gpu = "h100-80gb", model = "llama-3-8b" }, policies = { "vllm_v1", "./seen.lua" }, seeds = 1 }\n' \
            "$1" "${4:-columns}" "$2" "$3" >s.lua
    }
    printf 'local P = {}
function P:init() self.q = self.sim:queue{} self.sim.inbox = self.q end
function P:arrive(req)
  assert(req.class == "chat" or req.class == "batch")
  assert(req.priority == (req.class == "chat" and 7 or 0), "priority")
  assert(req.class ~= "chat" or math.abs(req.deadline - req.arrival - 3) < 1e-9, "deadline")
  self.q:push(req)
end
function P:schedule(_, step) step:carry() step:admit(self.q) end
return P\n' >seen.lua
    classes=', classes = { { name = "chat", priority = 7, slo = { e2e = 3 } }, { name = "batch" } }'
    of 'trace.csv "t.csv"' ', class = "kind", client = "who"' "$classes"
    "$MBSAND" s.lua -q --by class --out jumped --dump requests >/dev/null
    "$MBSAND" s.lua -q --by class --out stepped --step >/dev/null
    cmp jumped/by.csv stepped/by.csv
    of 'trace.jsonl "t.jsonl"' ', class = "kind", client = "who"' "$classes" fields
    "$MBSAND" s.lua -q --by class --out json >/dev/null
    cmp jumped/by.csv json/by.csv
    of 'trace.csv "backwards.csv"' ', class = "kind", client = "who"' "$classes, sort = true"
    "$MBSAND" s.lua -q --by class --out sorted >/dev/null
    cmp jumped/by.csv sorted/by.csv
    # Each request of the dump has the class of its row, and those of a class are those whom a column of clients tells apart.
    diff <(tail -n +2 t.csv | cut -d, -f4) <(tail -n +2 jumped/requests-vllm_v1-1.csv | sort -t, -n | awk -F, '{ print $NF }')
    of 'trace.csv "t.csv"' ', client = "kind"' ""
    "$MBSAND" s.lua -q --only vllm_v1 --by client --out clients >/dev/null
    diff <(cut -d, -f1-5,7- clients/by.csv | sed 's/client/class/' | sort) \
        <(grep -v seen jumped/by.csv | cut -d, -f1-5,7- | sort)
    # A priority of the row's own stands before the class's.
    sed -i 's/== (req.class == "chat" and 7 or 0)/== req.prompt_tokens/' seen.lua
    of 'trace.csv "t.csv"' ', class = "kind", priority = "p"' "$classes"
    "$MBSAND" s.lua -q >/dev/null
}

@test "a row of a class that there is not is told with its line" {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 't,p,o,kind\n0,9,9,chat\n1,9,9,chta\n' >t.csv
    printf 'return scenario { workload = trace.csv "t.csv" { columns = { time = "t", prompt = "p", output = "o", class = "kind" },
        classes = { { name = "chat" }, { name = "batch" } } }, cluster = { gpu = "h100-80gb", model = "llama-3-8b" },
        policies = { "vllm_v1" }, seeds = 1 }\n' >s.lua
    run "$MBSAND" s.lua -q
    [ "$status" -ne 0 ]
    [[ "$(tr -s ' \n' ' ' <<<"$output")" == *'t.csv:3: column "kind" is "chta"; expected one of the classes "chat", "batch"'* ]]
    printf 't,p,o,kind\n0,9,9,chat\n1,9,9,\n' >t.csv
    run "$MBSAND" s.lua -q
    [[ "$(tr -s ' \n' ' ' <<<"$output")" == *'t.csv:3: column "kind" is empty; expected one of the classes "chat", "batch"'* ]]
    sed -i 's/kind$/sort/' t.csv
    run "$MBSAND" s.lua -q
    [ "$status" -eq 2 ]
    [[ $output == *'t.csv:1: no column "kind"'* ]]
}
