# Sweeps into a database: what interrupts them costs nothing, and nothing of another kind gets in between.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cat >helper.lua <<'END'
return { size = 4 }
END
    cat >own.lua <<'END'
local helper = require "helper"
local Own = { params = { batch_size = 8 } }
function Own:schedule(replica, step)
  if replica.running > 0 then return end
  step:admit(self.sim.inbox, self.params.batch_size + helper.size)
  step:barrier()
end
function Own:init() self.sim.inbox = self.sim:queue{ by = "predicted_total" } end
return Own
END
    cat >words.lua <<'END'
return { gpus = 2 }
END
    cat >s.lua <<'END'
local words = require "words"
return {
  scenario {
    title = "first", workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, limit = 300,
      prompt = lengths.uniform { low = 10, high = 200 }, output = lengths.uniform { low = 5, high = 100 } },
    cluster = { gpus = words.gpus, kv_tokens = 2000 }, slo = { e2e = 20 },
    latency = latency.batch { alpha = 0.02, beta = 0.001, gamma = 0.3 },
    policies = { "static_fifo", "multi_bin_dynamic", "./own.lua" },
    over = { { "cluster.gpus", { 1, 2 } }, { "params.batch_size", { 2, 4, 8 } } }, seeds = 2,
  },
  scenario {
    title = "second", workload = synthetic { prompt = lengths.fixed(50), output = lengths.fixed(20), limit = 200,
      classes = { { name = "fast", share = 1, slo = { e2e = 1 }, lengths = { prompt = 10, output = 10 } },
        { name = "slow", share = 1 } }, arrivals = arrivals.poisson { rate = 20 } },
    cluster = { gpus = 1, kv_tokens = 2000 }, latency = latency.batch { alpha = 0.02, beta = 0.001, gamma = 0.3 },
    policies = { "static_fifo", "dynamic_no_bins" }, over = { { "workload.arrivals.rate", { 5, 20 } } }, seeds = 2,
  },
}
END
    sed -i 's/lengths = { prompt = 10, output = 10 }/prompt = lengths.fixed(10), output = lengths.fixed(10)/; s/{ name = "slow", share = 1 }/{ name = "slow", share = 1, prompt = lengths.fixed(50), output = lengths.fixed(20) }/' s.lua
}

# rows FILE: every run, without the two measures that a clock gives.
rows() { "$MBSAND" show "$1" --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//'; }
count() { sqlite3 "$1" "SELECT count(*) FROM runs"; }

@test "a sweep prints what a run prints, whatever the threads, and does nothing twice" {
    "$MBSAND" s.lua -q >run.txt
    "$MBSAND" s.lua -q --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//' >run.csv
    for threads in 1 2; do
        "$MBSAND" sweep s.lua --db "$threads.db" -j $threads >sweep.txt 2>err
        cmp run.txt sweep.txt
        [ "$(<err)" = "mbsand: 44 of 44 runs are in $threads.db" ]
        cmp run.csv <(rows $threads.db)
        [ "$(ls "$threads".db*)" = $threads.db ] # one file, that can be copied
    done
    before=$(sha256sum <2.db)
    "$MBSAND" sweep s.lua --db 2.db -q 2>err
    [ "$(<err)" = "mbsand: 44 of 44 runs are in 2.db, 44 of them from before" ]
    [ "$(sqlite3 2.db "SELECT count(*), count(DISTINCT run) FROM runs")" = "44|44" ]
    "$MBSAND" show 2.db >show.txt
    cmp run.txt show.txt
    "$MBSAND" s.lua -q --format md | cmp - <("$MBSAND" show 2.db --format md)
    "$MBSAND" s.lua -q --baseline static_fifo | cmp - <("$MBSAND" show 2.db --baseline static_fifo)
    clean='del(.manifest) | del(.results[].policies[].runs[].values["sim_wall_s", "sim_requests_per_s"])
      | del(.results[].policies[][]?["sim_wall_s", "sim_requests_per_s"]?)'
    "$MBSAND" s.lua -q --format json 2>/dev/null | jq -S "$clean" >run.json
    "$MBSAND" show 2.db --format json 2>/dev/null | jq -S "$clean" >show.json
    cmp run.json show.json
}

# Killed at random moments, later and later, until a sweep comes to its end.
@test "kill -9 at any moment loses and repeats nothing" {
    "$MBSAND" sweep s.lua --db whole.db -q 2>/dev/null
    rows whole.db >whole.csv
    : "${KILLS:=4}"
    for ((i = 0; i < KILLS; i++)); do
        rm -f cut.db*
        for ((j = 0; ; j++)); do
            "$MBSAND" sweep s.lua --db cut.db -q -j 2 2>err &
            pid=$!
            sleep "$(awk -v r=$RANDOM -v j=$j 'BEGIN { print 0.01 + r / 32768 * (0.1 + j / 20) }')" # it ends on any machine
            kill -9 $pid 2>/dev/null || true
            code=0
            wait $pid 2>/dev/null || code=$?
            if [ "$code" -eq 0 ]; then break; fi
            [ "$code" -eq 137 ] || { cat err; return 1; }
        done
        cmp whole.csv <(rows cut.db)
        [ "$(sqlite3 cut.db "PRAGMA integrity_check")" = ok ]
    done
}

@test "Ctrl-C keeps what is finished, and the same command goes on" {
    sed 's/limit = 300/limit = 30000/' s.lua >long.lua
    "$MBSAND" sweep long.lua --db l.db -q -j 1 2>err &
    pid=$!
    for _ in $(seq 600); do
        [ "$(sqlite3 l.db "SELECT count(*) FROM runs" 2>/dev/null || echo 0)" -gt 0 ] && break
        sleep 0.05
    done
    run -0 "$MBSAND" show l.db # while it is written
    says "runs finished, and the numbers are of those"
    kill -INT $pid
    code=0
    wait $pid || code=$?
    [ "$code" -eq 1 ]
    grep -q "of 44 runs are in l.db; the same command goes on from there" err
    done=$(count l.db)
    [ "$done" -gt 0 ]
    [ "$done" -lt 44 ]
    "$MBSAND" sweep long.lua --db l.db -q 2>err
    grep -qx "mbsand: 44 of 44 runs are in l.db, $done of them from before" err
    cmp <(rows l.db) <("$MBSAND" long.lua -q --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//')
}

# refuses SENTENCE ARGUMENTS...: and the database stays as it was.
refuses() {
    local expected=$1 before
    shift
    before=$(sqlite3 r.db .dump | sha256sum)
    run -2 "$MBSAND" sweep "$@"
    says "$expected"
    [ "$(sqlite3 r.db .dump | sha256sum)" = "$before" ]
}

@test "results of other texts and other commands are not mixed" {
    "$MBSAND" sweep s.lua --db r.db -q 2>/dev/null
    sqlite3 r.db "DELETE FROM runs WHERE run > 30" # there is something to do
    cp s.lua s.bak
    echo "-- changed" >>s.lua
    refuses "r.db holds results of another scenario: the scenario s.lua has changed since (sha256 " s.lua --db r.db -q
    mv s.bak s.lua
    for file in own helper words; do
        cp $file.lua bak
        sed -i '1i -- changed' $file.lua
        refuses "$file.lua has changed since" s.lua --db r.db -q
        mv bak $file.lua
    done
    refuses "another command: no more than the rest there, and --seeds 3 here" s.lua --db r.db -q --seeds 3
    refuses "--set cluster.kv_tokens=9" s.lua --db r.db -q --set cluster.kv_tokens=9
    refuses "--over slo.e2e=1,2" s.lua --db r.db -q --over slo.e2e=1,2
    sqlite3 r.db "UPDATE inputs SET sha256 = 'abc' WHERE kind = 'program'"
    refuses "another program, made by mbsand $("$MBSAND" --version | awk 'NR == 1 { print $2 }'): the program mbsand has changed since" s.lua --db r.db -q
}

@test "data count as well" {
    printf 'time,prompt,output\n0,10,10\n1,20,20\n' >t.csv
    cat >t.lua <<'END'
return scenario { workload = trace.csv { path = "t.csv", columns = { time = "time", prompt = "prompt", output = "output" } },
  cluster = { gpus = 1 }, latency = latency.batch { alpha = 0.02, beta = 0.001, gamma = 0.3 }, policies = { "static_fifo" } }
END
    "$MBSAND" sweep t.lua --db r.db -q 2>/dev/null
    echo 2,20,20 >>t.csv
    refuses "another data: the data t.csv has changed since" t.lua --db r.db -q
}

@test "a policy that changes while the sweep runs ends it, and the change is not mixed in" {
    cat >slow.lua <<'END'
local Slow = {}
function Slow:arrive(req)
  for _ = 1, 20000 do math.floor(1) end
  self.sim.queue:push(req)
end
function Slow:schedule(_, step) step:admit(self.sim.queue, 8) end
return Slow
END
    "$MBSAND" sweep "$root/tests/sandbox/small.lua" --db c.db -q -j 1 --policy ./slow.lua --seeds 1000 2>err &
    pid=$!
    for _ in $(seq 600); do
        [ "$(sqlite3 c.db "SELECT count(*) FROM runs WHERE policy = 2" 2>/dev/null || echo 0)" -gt 0 ] && break
        sleep 0.05
    done
    echo "-- changed" >>slow.lua
    code=0
    wait $pid || code=$?
    [ "$code" -eq 1 ]
    grep -q "slow.lua was changed while the sweep ran; what was finished before is kept" err
    [ "$(count c.db)" -lt 2000 ]
    run -2 "$MBSAND" sweep "$root/tests/sandbox/small.lua" --db c.db -q -j 1 --policy ./slow.lua --seeds 1000
    says "slow.lua has changed since"
}

@test "two sweeps on one database: the second says so" {
    sed 's/limit = 300/limit = 100000/' s.lua >long.lua
    "$MBSAND" sweep long.lua --db two.db -q -j 1 2>err &
    pid=$!
    for _ in $(seq 600); do
        [ "$(sqlite3 two.db "SELECT count(*) FROM points" 2>/dev/null || echo 0)" -gt 0 ] && break
        sleep 0.05
    done
    run -1 "$MBSAND" sweep long.lua --db two.db -q
    says "another sweep is writing two.db"
    kill -9 $pid
    wait $pid || true
    run -0 "$MBSAND" show two.db
}

@test "a database that another program has locked: a sentence, and nothing is lost" {
    "$MBSAND" sweep s.lua --db k.db -q 2>/dev/null
    sqlite3 k.db "DELETE FROM runs WHERE run > 40"
    mkfifo pipe
    sqlite3 k.db <pipe &
    exec 7>pipe
    echo "BEGIN IMMEDIATE; CREATE TABLE mine(x);
.shell touch locked" >&7
    for _ in $(seq 600); do [ -e locked ] && break; sleep 0.05; done
    run -1 "$MBSAND" sweep s.lua --db k.db -q
    exec 7>&-
    wait
    says "k.db is locked by another program; what was finished is kept, and the same command goes on from there"
    "$MBSAND" sweep s.lua --db k.db -q 2>/dev/null
    [ "$(count k.db)" -eq 44 ]
}

@test "folders and files that cannot be written, and files of another kind" {
    small="$root/tests/sandbox/small.lua"
    run -2 "$MBSAND" sweep "$small" --db no/where.db -q
    says "no/where.db cannot be written: No such file or directory"
    echo "a,b" >table.csv
    run -2 "$MBSAND" sweep "$small" --db table.csv -q
    says "table.csv is no database of results"
    [ "$(<table.csv)" = "a,b" ]
    sqlite3 other.db "CREATE TABLE t(x)"
    run -2 "$MBSAND" sweep "$small" --db other.db -q
    says "other.db is a database, but none of mbsand's results"
    run -2 "$MBSAND" show other.db
    says "none of mbsand's results"
    run -2 "$MBSAND" show missing.db
    says "missing.db: No such file or directory"
    : >empty.db
    run -2 "$MBSAND" show empty.db
    says "empty.db is empty"
    "$MBSAND" sweep "$small" --db ok.db -q 2>/dev/null
    sqlite3 ok.db "PRAGMA user_version = 9"
    run -2 "$MBSAND" show ok.db
    says "ok.db is of format 9, and this mbsand reads format 2"
    run -2 "$MBSAND" sweep "$small" --db new.db -q --over cluster.gpus=0
    says "cluster.gpus is 0"
    [ ! -e new.db ] && [ ! -e new.db.lock ] # nothing came of it
    run -2 "$MBSAND" sweep "$small" -q
    says "which database?"
    run -2 "$MBSAND" sweep "$small" --db x.db --over params.nothing=1,2
    says "params.nothing: no policy here has a parameter of that name"
}

@test "a run that fails is kept as such, with its error" {
    echo 'return { schedule = function() error("boom") end }' >bad.lua
    run -1 "$MBSAND" sweep "$root/tests/sandbox/small.lua" --db f.db --policy ./bad.lua --seeds 2
    says "mbsand: 4 of 4 runs are in f.db; 2 failed"
    says "bad failed"
    [ "$(sqlite3 f.db "SELECT ended, status, goodput_rps IS NULL, error LIKE '%bad.lua:1: boom%' FROM runs WHERE policy = 2")" = \
        $'failed|1|1|1\nfailed|1|1|1' ]
    run -1 "$MBSAND" sweep "$root/tests/sandbox/small.lua" --db f.db --policy ./bad.lua --seeds 2
    says "4 of them from before; 2 failed"
}

@test "rows for other programs: types, and every number to its last digit" {
    "$MBSAND" sweep s.lua --db e.db -q 2>/dev/null
    "$MBSAND" show e.db --out out
    [ "$(wc -l <out/results.csv)" -eq 45 ]
    [ "$(jq -r '[.columns[].name] | join(",")' out/results.schema.json)" = "$(head -1 out/results.csv)" ]
    [ "$(jq -r '.columns[] | select(.name == "cluster.gpus") | .type' out/results.schema.json)" = BIGINT ]
    [ "$(jq -r '.columns[] | select(.name == "goodput_rps") | .type' out/results.schema.json)" = DOUBLE ]
    [ "$(jq -r '.columns[] | select(.name == "policy") | .type' out/results.schema.json)" = VARCHAR ]
    sqlite3 -csv -header e.db "SELECT run, goodput_rps FROM results" | tr -d '\r' >sql.csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "goodput_rps") g = i } { print $1 "," $g }' out/results.csv >export.csv
    awk -F, 'NR == FNR { a[FNR] = $2; next } FNR > 1 && ($2 - a[FNR]) ^ 2 > 1e-20 { exit 1 }' sql.csv export.csv
    jq -e '.results | length == 8' out/summary.json
}

@test "the queries of docs/results.md" {
    cat >q.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, limit = 300,
    prompt = lengths.uniform { low = 10, high = 200 }, output = lengths.uniform { low = 5, high = 100 } },
  cluster = { gpus = 2, kv_tokens = 288 }, slo = { e2e = 5 }, latency = latency.batch { alpha = 0.02, beta = 0.001, gamma = 0.3 },
  policies = { "static_fifo", "multi_bin_dynamic", "./bad.lua" } }
END
    echo 'return { schedule = function() error("boom") end }' >bad.lua
    "$MBSAND" sweep q.lua --db q.db --over cluster.gpus=1,2,4 --over params.bins=1..4:x2 --seeds 2 --bound -q || [ $? -eq 1 ]
    awk -v RS='```sql\n' 'NR > 1 { sub(/```.*/, ""); print > ("query" (NR - 1) ".sql") }' "$root/docs/results.md"
    [ "$(ls query*.sql | wc -l)" -eq 11 ]
    for ((i = 1; i <= 11; i++)); do sqlite3 q.db <query$i.sql >answer$i || { cat query$i.sql; return 1; }; done
    [ "$(<answer1)" = "54|54" ]
    [ "$(wc -l <answer2)" -eq 27 ] # 9 points, 3 policies
    [ "$(wc -l <answer3)" -eq 9 ]
    [ "$(wc -l <answer4)" -eq 18 ]
    [ "$(cut -d '|' -f 1 answer5)" = $'1\n2\n4' ]
    mean=$("$MBSAND" show q.db --format json 2>/dev/null |
        jq '[.results[] | select(.keys."cluster.gpus" == "4" or .keys."cluster.gpus" == 4)
          | .policies[] | select(.policy == "multi_bin_dynamic") | .mean.goodput_rps] | max')
    awk -F '|' -v mean="$mean" '$1 == 4 && ($3 / mean - 1) ^ 2 < 1e-18 { found = 1 } END { exit !found }' answer5
    grep -q '^static_fifo|[124]$' answer6
    [ "$(cut -d '|' -f 2 answer7 | sort -u)" = $'1\n2\n4' ]
    [ "$(wc -l <answer8)" -gt 0 ] # of requests larger than the memory
    [ "$(grep -c 'bad.lua:1: boom' answer9)" -eq 18 ]
    grep -q 'policies/static_fifo.lua|' answer10
    [ "$(wc -l <answer11)" -eq 18 ] # bad.lua has none
    "$MBSAND" show q.db --format csv 2>/dev/null >q.csv
    python3 - answer11 q.csv <<'END'
import csv, sys
sums = {}
for r in csv.DictReader(open(sys.argv[2])):
    if r["regret_e2e_mean_s"]: sums.setdefault((r["cluster.gpus"], r["params.bins"], r["policy"]), []).append(float(r["regret_e2e_mean_s"]))
means = sorted(round(sum(v) / len(v), 9) for v in sums.values())
got = sorted(round(float(line.split("|")[2]), 9) for line in open(sys.argv[1]))
assert got == means and got[0] >= 0 and got[-1] < 1, (got, means)
END
}

@test "parts of a sweep, merged, are the sweep" {
    "$MBSAND" sweep s.lua --db whole.db -q 2>/dev/null
    rows whole.db >whole.csv
    for i in 1 2 3; do "$MBSAND" sweep s.lua --db part$i.db --shard $i/3 2>>err >>out; done
    [ "$(head -1 err)" = "mbsand: 15 of 15 runs are in part1.db (part 1 of 3)" ]
    [ ! -s out ]
    run -0 "$MBSAND" merge all.db part1.db part2.db
    says "30 runs were added to all.db; 14 are still missing"
    run -0 "$MBSAND" merge all.db part3.db part1.db
    says "14 runs were added to all.db"
    cmp whole.csv <(rows all.db)
    [ "$(sqlite3 all.db "SELECT count(*) FROM results")" = 44 ]
    # What a part did not do, the command without --shard does.
    "$MBSAND" merge rest.db part2.db 2>/dev/null
    "$MBSAND" sweep s.lua --db rest.db -q 2>err
    [ "$(<err)" = "mbsand: 44 of 44 runs are in rest.db, 15 of them from before" ]
    cmp whole.csv <(rows rest.db)
    before=$(sqlite3 all.db .dump | sha256sum)
    "$MBSAND" sweep s.lua --db other.db --seeds 3 -q 2>/dev/null
    run -2 "$MBSAND" merge all.db other.db
    says "all.db and other.db are no parts of one sweep: one of them alone has --seeds 3"
    sqlite3 part1.db "UPDATE runs SET goodput_rps = 1 WHERE run = 4"
    run -2 "$MBSAND" merge all.db part1.db
    says "run 4 is in both, with other values"
    sqlite3 part2.db "UPDATE inputs SET sha256 = 'abc' WHERE name LIKE '%own.lua'"
    run -2 "$MBSAND" merge all.db part2.db
    says "own.lua differs"
    run -2 "$MBSAND" merge all.db all.db
    says "all.db cannot be merged into itself"
    run -2 "$MBSAND" merge new.db missing.db
    says "missing.db: No such file or directory"
    [ ! -e new.db ]
    [ "$(sqlite3 all.db .dump | sha256sum)" = "$before" ]
    run -2 "$MBSAND" sweep s.lua --db p.db --shard 4/3
    says "--shard: '4/3' is not a part of a whole, from 1/N to N/N, such as 2/8"
}

@test "two databases side by side: what differs, and by how much" {
    "$MBSAND" sweep s.lua --db a.db --seeds 5 -q 2>/dev/null
    "$MBSAND" sweep s.lua --db same.db --seeds 5 -q 2>/dev/null
    run -0 "$MBSAND" compare a.db same.db
    says "A is a.db, B is same.db. They rest on the same texts and options."
    ! grep -q '%\*' <<<"$output"
    "$MBSAND" compare a.db same.db --format csv 2>/dev/null >same.csv
    [ "$(awk -F, 'NR > 1 && $7 != $6' same.csv | wc -l)" -eq 0 ]
    sed -i 's/self.params.batch_size + helper.size/1/' own.lua # much worse
    "$MBSAND" sweep s.lua --db b.db --seeds 5 -q 2>/dev/null
    run -0 "$MBSAND" compare a.db b.db
    says "They differ in: the policy ./own.lua."
    ! grep -q Warning <<<"$output"
    [ "$(grep -cE '^[12] .* own .*\*' <<<"$output")" -ge 6 ]
    ! grep -E 'static_fifo.*\*' <<<"$output"
    "$MBSAND" compare a.db b.db --format csv 2>/dev/null >c.csv
    # The ratio of geometric means, from the rows of both.
    for db in a b; do
        sqlite3 $db.db "SELECT exp(avg(ln(e2e_mean_s))) FROM results WHERE policy = 'own' AND point = 2"
    done | paste -sd ' ' | awk 'NR == FNR { want = $2 / $1; next }
        { split($0, f, ","); if (f[2] == "cluster.gpus=1 params.batch_size=4" && f[3] == "own" && f[4] == "e2e_mean_s") got = f[9] }
        END { exit !(got > 1 && (got / want - 1) ^ 2 < 1e-18) }' - c.csv
    "$MBSAND" sweep s.lua --db o.db --seeds 5 --seed 9 -q 2>/dev/null
    run -0 "$MBSAND" compare a.db o.db
    says "B alone has --seed 9. Warning: so a seed may have brought A other requests than B"
    "$MBSAND" sweep "$root/tests/sandbox/small.lua" --db x.db -q 2>/dev/null
    run -2 "$MBSAND" compare a.db x.db
    says "nothing to compare"
    run -0 "$MBSAND" compare a.db b.db --format md
    says "| own | "
}

@test "--bound: what a run with it prints, also of parts that are merged, and whatever interrupts it" {
    "$MBSAND" s.lua --bound -q >run.txt || true
    "$MBSAND" s.lua --bound -q --format csv >run.csv 2>/dev/null || true
    same() { # but for what a clock measured
        python3 - run.csv "$1" <<'END'
import csv, sys
a, b = (list(csv.DictReader(open(path))) for path in sys.argv[1:3])
assert len(a) == len(b) > 0 and a[0].keys() == b[0].keys()
for x, y in zip(a, b):
    assert all(x[k] == y[k] for k in x if not k.startswith("sim_")), (x, y)
assert any(x["regret_e2e_mean_s"] for x in a)
END
    }
    "$MBSAND" sweep s.lua --db a.db -q 2>/dev/null # first without, then with
    "$MBSAND" sweep s.lua --db a.db -q --bound 2>err
    grep -q "bounds of 8 of 8 points are there" err
    diff run.txt <("$MBSAND" show a.db)
    "$MBSAND" show a.db --format csv 2>/dev/null >show.csv
    same show.csv
    for part in 1 2; do "$MBSAND" sweep s.lua --db part$part.db --shard $part/2 -q --bound 2>/dev/null; done
    "$MBSAND" merge m.db part1.db part2.db
    "$MBSAND" show m.db --format csv 2>/dev/null >merged.csv
    same merged.csv
    # Killed anywhere: the same command goes on.
    for ((n = 0; n < 12; n++)); do
        "$MBSAND" sweep s.lua --db k.db -q --bound -j 1 2>/dev/null &
        sleep 0.0$((n + 1))
        kill -9 $! 2>/dev/null || true
        wait $! || true
    done
    "$MBSAND" sweep s.lua --db k.db -q --bound 2>err || { cat err; false; }
    "$MBSAND" show k.db --format csv 2>/dev/null >killed.csv
    same killed.csv
}

@test "the manifest of a database: what ran, by text and hash" {
    "$MBSAND" sweep s.lua --db a.db -q 2>/dev/null
    text=$(<own.lua)
    hash=$(sha256sum own.lua | cut -d ' ' -f 1)
    echo "-- another one" >own.lua
    "$MBSAND" show a.db --format json 2>/dev/null >a.json
    [ "$(jq -r '.manifest.policies[] | select(.path | endswith("own.lua")) | .text' a.json)" = "$text" ]
    [ "$(jq -r '.manifest.policies[] | select(.path | endswith("own.lua")) | .sha256' a.json)" = "$hash" ]
    [ "$(jq -r '.manifest.scenario.path | endswith("s.lua")' a.json)" = true ]
    [ "$(jq -r '[.manifest.modules[].path | select(endswith("/helper.lua") or endswith("/words.lua"))] | length' a.json)" = 2 ]
    [ "$(jq -r '.manifest.command[0]' a.json)" = "mbsand sweep --db a.db -q s.lua" ] # options first
    [ "$(jq -r '.manifest.mbsand' a.json)" = "$("$MBSAND" --version | sed -n '1s/mbsand \([^ ]*\).*/\1/p')" ]
    "$MBSAND" show a.db --out folder
    [ "$(jq -c .manifest folder/summary.json)" = "$(jq -c .manifest a.json)" ]
}
