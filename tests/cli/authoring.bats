#!/usr/bin/env bats
# What helps to write a policy: runs that repeat when a file is saved.

bats_require_minimum_version 1.5.0
load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }
teardown() { [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null || true; }

small() { # s.lua with my.lua
    cat >s.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.constant { rate = 1 }, prompt = 10, output = 5, limit = 20 },
  cluster = { gpus = 1, kv_blocks = 100 }, latency = latency.step { base = 0.01 }, policies = { "./my.lua" }, seeds = 1,
}
END
    cat >my.lua <<'END'
local P = { params = { most = 4 } }
function P:schedule(_, step)
  step:carry()
  step:admit(self.sim.queue, self.params.most)
end
return P
END
}

comes() { # comes TEXT FILE: until the text is there
    until grep -qF -- "$1" "$2"; do
        kill -0 "$watcher" || { cat "$2"; return 1; }
        sleep 0.1
    done
}

@test "run --watch: again when a file is saved, also after a mistake and in the middle of a run" {
    small
    "$MBSAND" run s.lua -q --watch >out 2>err 3>&- &
    watcher=$!
    comes "waiting for a file to be saved" err
    [ "$(grep -c '^my  *1.050' out)" -eq 1 ]
    sed -i 's/step:admit/step:admt/' my.lua
    comes "admt" out
    sed -i 's/seeds = 1/seeds = 1, limits = { hook_seconds = 3600 }/' s.lua
    sed -i 's/step:admt/step:admit/; s/step:carry()/step:carry() if self.sim.now > 15 then while true do end end/' my.lua
    until [ "$(grep -c 'running again' err)" -ge 2 ]; do sleep 0.1; done # it never ends
    sed -i 's/while true do end/step:quantum(1)/' my.lua
    until [ "$(grep -c '^my  *1.050' out)" -eq 2 ]; do sleep 0.1; done
    kill -0 "$watcher"
}

@test "run --watch: told to end, it lets the run print what is finished" {
    small
    echo 'return { schedule = function(_, _, step) step:carry() while true do end end }' >never.lua
    "$MBSAND" run s.lua -q --watch -p ./never.lua --jobs 1 --set limits.hook_seconds=3600 --dump requests --out dump >out 2>err 3>&- &
    watcher=$!
    until [ -e dump/requests-never-1.csv.part ]; do kill -0 "$watcher"; sleep 0.1; done
    kill -INT "$watcher"
    status=0
    wait "$watcher" || status=$?
    [ "$status" -eq 1 ]
    grep -q '^my  *1.050' out
    grep -qx 'mbsand: interrupted; what was finished is above' err
    # Between two runs: with the exit code of the last.
    "$MBSAND" run s.lua -q --watch >out 2>err 3>&- &
    watcher=$!
    comes "waiting for a file to be saved" err
    kill -TERM "$watcher"
    wait "$watcher"
}

@test "run --watch: not of a case" {
    run "$MBSAND" run "$root/tests/corpus/case/small.mbs" --watch
    [ "$status" -eq 2 ]
    says "--watch: nothing in a case is edited; give a scenario"
}

@test "test: schedules that are kept, and what is said where they are not" {
    "$MBSAND" new test t
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        run -0 "$binary" test ./t.lua
        [ "$output" = "./t.lua
  ok     the shortest answer first: sjf
  ok     alone, whatever the order: fcfs
2 passed, 0 failed" ]
    done
    sed -i 's/{ 0.068, 0.080, 0.168 }/{ 0.068, false, 0.169, 1 }/; s/"idle_with_work_s<=0"/"e2e_mean_s<0.09"/' t.lua
    run -1 "$MBSAND" test t.lua
    [ "$output" = "t.lua
  FAILED the shortest answer first: sjf
         request 2 ends at 0.168 s; expected 0.169 s
         request 2 is preempted 0 times; expected 1
         e2e_mean_s<0.09: it has 0.0966667
  ok     alone, whatever the order: fcfs
1 passed, 1 failed" ]
    sed -i 's/{ 0.068, false, 0.169, 1 }/"rejected"/' t.lua
    run -1 "$MBSAND" test t.lua
    says 'request 2 was served; expected "rejected"'
    sed -i 's/{ { 0, 0.012, 0.056 } })/{ { 0, 0.012, 0.056 }, "unserved" })/' t.lua
    run -1 "$MBSAND" test t.lua
    says '1 requests came; `expect` has 2 rows'
    sed -i 's/"rejected"/"lost"/' t.lua
    fails_with 2 't.lua: section 1: expect[2] is not understood; expected { start, first token, end } in seconds' test t.lua
    sed -i 's/"lost"/false/; s/e2e_mean_s<0.09/e2e_men_s<1/' t.lua
    fails_with 2 'expect[2] is not understood' test t.lua
    sed -i '/^  case(/,$d' t.lua
    printf '}\n' >>t.lua
    fails_with 2 "" test t.lua
    fails_with 2 'test needs a file; `mbsand new test NAME` writes one' test
}

fails_with() { # fails_with CODE TEXT ARGUMENTS
    local code=$1 text=$2
    shift 2
    run "$MBSAND" "$@"
    [ "$status" -eq "$code" ] || { echo "$status: $output"; return 1; }
    says "$text"
}

@test "test: a policy that serves nobody, turns away, or acts by the wall does not pass" {
    small
    run -0 "$MBSAND" test s.lua
    says "the scenario has neither \`expect\` nor \`assert\`: checked is that every request is served, and the same step by step"
    sed -i 's/seeds = 1,/seeds = 2, assert = "gap_p99_s<=1",/' s.lua
    run -0 "$MBSAND" test s.lua # also measures that only who asks gets
    [[ $output != *neither* ]]
    printf 'local P = {}\nfunction P:schedule(_, step) if self.sim.now < 5 then step:carry() step:admit(self.sim.queue) end end\nreturn P\n' >my.lua
    run -1 "$MBSAND" test s.lua
    says "requests were never served"
    printf 'local P = {}\nfunction P:arrive(req) if req.id == 1 then self.sim:reject(req, "no") else self.sim.queue:push(req) end end
function P:schedule(_, step) step:carry() step:admit(self.sim.queue) end\nreturn P\n' >my.lua
    sed -i 's/synthetic {.*},$/requests { { 0, 10, 5, client = "a" }, { 1, 10, 5 } },/; s/assert = "gap_p99_s<=1"/expect = { { 0, 0.01, 0.05 }, "rejected" }/' s.lua
    run -0 "$MBSAND" test s.lua
    printf 'local P = {}\nfunction P:schedule(_, step) step:admt(self.sim.queue) end\nreturn P\n' >my.lua
    run -1 "$MBSAND" test s.lua
    says "did you mean 'admit'?"
}

@test "requests written down: mistakes are sentences" {
    small
    for row in '{ 0, 10 }|requests[1].output is a nil' '{ 0, 10, 0.5 }|requests[1].output is 0.5; expected a whole number' \
        '{ -1, 10, 5 }|requests[1].time is -1' '{ 1, 10, 5 }, { 0, 10, 5 }|requests[2] comes before the one above it' \
        '{ 0, 10, 5, prio = 2 }|requests[1] has no key "prio"; its keys: time, prompt' '7|requests[1] is 7' \
        '{ 0, 10, 5, client = 3 }|requests[1].client is 3; expected a name'; do
        sed "s/synthetic {.*},\$/requests { ${row%%|*} },/" s.lua >w.lua
        fails_with 2 "${row#*|}" run w.lua
    done
    sed 's/synthetic {.*},$/requests {},/' s.lua >w.lua
    fails_with 2 "requests needs rows" run w.lua
}

@test "completion: what may come next, in three shells" {
    comes_next() { # comes_next EXPECTED WORDS: among what is offered
        local expected=$1
        shift
        run -0 "$MBSAND" complete "$@"
        grep -qxF -- "$expected" <<<"$output" || { echo "no $expected: $output"; return 1; }
    }
    comes_next burst ""
    comes_next explain ex
    comes_next --no-os-sandbox run burst --no
    comes_next cluster.gpus= burst --set cluster.gp
    comes_next workload.arrivals.rate= sweep burst --over workload.arr
    comes_next workload.predictor=bin_flip burst --set workload.predictor=b
    comes_next workload.predictor=exact,bins sweep burst --over workload.predictor=exact,b
    comes_next cluster.gpu=h100-80gb burst --set cluster.gpu=h1
    comes_next cluster.model=llama-3.1-8b burst --set cluster.model=llama
    [ "$("$MBSAND" complete burst --set oracle= | tr '\n' ' ')" = "oracle=true oracle=false " ]
    [ "$("$MBSAND" complete burst --set cluster.kv= | tr '\n' ' ')" = "cluster.kv=tokens cluster.kv=contiguous cluster.kv=paged " ]
    [ "$("$MBSAND" complete burst --set latency= | tr '\n' ' ')" = \
        "latency=step latency=batch latency=table latency=profile latency=custom latency=roofline latency=jobs " ]
    comes_next e2e_p99_s run burst --assert e2e
    comes_next sarathi new policy mine --like sar
    comes_next geometric new rule mine --like geo
    comes_next h100-80gb plan --gpu h1
    comes_next members run burst --dump mem
    comes_next --like new --
    run -0 "$MBSAND" complete run s.lua --out ""
    [ -z "$output" ] # a file
    PATH=$(dirname "$MBSAND"):$PATH
    bash -c 'source "$1/completions/mbsand.bash"; COMP_WORDS=(mbsand run bur) COMP_CWORD=2; _mbsand; echo "${COMPREPLY[@]}"' - "$root" >got
    [ "$(cat got)" = "burst burst_predictions" ]
    bash -c 'source "$1/completions/mbsand.bash"; COMP_WORDS=(mbsand burst --set cluster.kv = c) COMP_CWORD=5; _mbsand; echo "${COMPREPLY[@]}"
        COMP_WORDS=(mbsand burst --set cluster.kv =) COMP_CWORD=4; _mbsand; echo "${COMPREPLY[@]}"' - "$root" >got
    [ "$(cat got)" = "contiguous
tokens contiguous paged" ]
    for shell in zsh fish; do
        command -v $shell >/dev/null || continue
        [ $shell = zsh ] && zsh -n "$root/completions/_mbsand"
        [ $shell = fish ] && fish --no-config -c 'source $argv[1]; complete -C "mbsand run burst --policy sar"' "$root/completions/mbsand.fish" >got &&
            [ "$(cat got)" = sarathi ]
    done
    awk '/^  [a-z]/ { print $1 }' < <("$MBSAND" list keys) >keys
    [ "$(sort keys | uniq -d)" = "" ] && [ "$(wc -l <keys)" -gt 200 ]
    small # and what is offered is taken: one of each kind
    run -0 "$MBSAND" s.lua -q --set cluster.gpus=2 --set seeds=1 --set slo.tbt=1 --set workload.arrivals.rate=2
}

@test "tables: as wide as the terminal, and in letters that the locale has" {
    small
    sed -i 's/constant { rate = 1 }/poisson { rate = 1 }/; s/seeds = 1/seeds = 3/' s.lua
    run -0 env LC_ALL=C "$MBSAND" s.lua -q
    [[ $output == *"+/-"* && $output != *"±"* ]]
    LC_ALL=C grep -q "[^ -~]" <<<"$output" && { echo "$output"; return 1; }
    run -0 env LC_ALL=C.UTF-8 "$MBSAND" s.lua -q
    [[ $output == *"±"* ]]
    command -v script >/dev/null || skip "no script(1)"
    for width in 60 90; do
        script -qec "stty cols $width; NO_COLOR=1 $MBSAND s.lua -q" /dev/null </dev/null | tr -d '\r' >out
        [ "$(wc -L <out)" -le $width ] || { cat out; return 1; }
    done
    [ "$(grep -c '^policy' out)" -lt "$(script -qec "stty cols 60; NO_COLOR=1 $MBSAND s.lua -q" /dev/null </dev/null | grep -c '^policy')" ]
}

@test "everything fits the terminal's width, and a pipe gets every line as it is" {
    command -v script >/dev/null || skip "no script(1)"
    small
    printf 'requests,tokens,context,time\n1,1,10,0.01\n2,2,20,0.02\n3,3,50,0.03\n9,9,99,0.05\n' >steps.csv
    at() { script -qec "stty cols $1; NO_COLOR=1 LC_ALL=C $MBSAND $2" /dev/null </dev/null | tr -d '\r' >out || true; }
    for words in --help "run --help" "plan --help" "fit --help" "explain --help" "list models" "list gpus" \
        "list policies" "list keys" "s.lua -q --plot --why" "explain s.lua" "s.lua --by class" "run --sed" \
        "plan --model llama-3-8b --gpus all --context 1k --latency" "fit steps.csv" \
        "plan --model llama-3-8b --gpu h100-80gb --context 1k,64k --latency" "plan --model llama-3-8b --gpu h100-80gb"; do
        for width in 40 80 200; do
            at $width "$words"
            [ -s out ] && [ "$(wc -L <out)" -le $width ] || { echo "$width: $words"; awk -v w=$width 'length > w' out; return 1; }
            run ! grep -nP '[^\x00-\x7F]' out
        done
        # The same letters, wherever lines end (but for tables, whose pieces repeat their names).
        [[ $words != *--help ]] || diff <("$MBSAND" $words | tr -d ' \n') <(at 40 "$words"; tr -d ' \n' <out)
    done
    at 80 "list gpus"
    grep -qx "no room for the full name of each" out
    "$MBSAND" list gpus | grep -q "NVIDIA H100 SXM"
    at 40 "run --help" # an option stays at the head of its line
    [ "$(grep -cE '^ +(-., )?--' out)" -ge "$("$MBSAND" run --help | grep -cE '^ +(-., )?--[a-z-]+ ')" ]
}

@test "repl: stops, looks, changes nothing, goes on" {
    small
    sed -i 's/limit = 20/limit = 20, predictor = predict.lognormal { sigma = 1 }/; s/rate = 1 }/rate = 100 }/' s.lua
    printf 'local P = {}\nfunction P:init() self.q = self.sim:queue{ by = "predicted_output" } self.sim.inbox = self.q end
function P:schedule(_, step) step:carry() step:admit(self.q, math.random(2)) end\nreturn P\n' >my.lua
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        plain=$("$binary" s.lua -q --format csv | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "e2e_mean_s") at = i } END { printf "%.6g", $at }')
        run -0 "$binary" repl s.lua <<'END'
queues
next 3
until 0.05
replicas
requests
sim.now, sim.waiting + sim.running
self.q:peek() or "nobody"
{ 1, 2, name = "x" }
local a = 3 return a + 1
self.q:pop()
sim:random(), math.random()
sim.inbox = sim.queue
replicas[1]:wake()
replicas[1].max_requests = 1
req = 1
os.exit()
1 +
continue
END
        says "my, seed 42 t = 0 s: 1 requests came, 0 wait, 1 run"
        says "queue 1 (sim.queue): 0 wait"
        says "queue 2 (sim.inbox): 0 wait, by predicted_output"
        says "t = 0.05 s: 6 requests came"
        says "replica 1: "
        says "on replica 1: "
        says '{ 1, 2, name = x }'
        for call in queue:pop "setting sim.inbox" replica:wake "setting a replica's field"; do says "$call: refused inside the prompt"; done
        says "a hook may not make the global variable 'req'"
        says "'os' is not available to policies"
        says "the prompt:1: unexpected symbol"
        says "ended: 20 requests served; mean E2E $plain s" # as without looking, what math.random drew included
    done
    run -0 "$MBSAND" repl s.lua --pause-at 0.02 -p fcfs <<<'quit'
    [[ $output == *"t = 0.02 s"* && $output != *ended* ]]
    run -0 "$MBSAND" repl s.lua </dev/null
    run -2 "$MBSAND" repl s.lua < <(head -c 70000 /dev/zero)
    says "mbsand: a line longer than 64 KiB; expected a command or Lua"
    fails_with 2 "is not a time of at least 0 seconds" repl s.lua --pause-at x
    fails_with 2 "--section 2: the file has 1" repl s.lua --section 2
    sed -i 's/step:admit/step:admt/' my.lua
    run -1 "$MBSAND" repl s.lua <<<"continue"
    says "did you mean 'admit'?"
}

@test "a router of one's own: its parameters beside the engine's, its init beside the routers'" {
    cat >mine.lua <<'END'
local Mine = require "mbsand.router".new{ first = 2 }
function Mine:init() self.begun = #self.up end
function Mine:arrive(req) self.up[self.params.first].queue:push(req) end
function Mine:done() for i, r in ipairs(self.sim.replicas) do print(self.begun, self.params.chunk, i, #r.queue, r.running) end end
return Mine
END
    cat >three.lua <<'END'
return scenario { workload = requests { { 0, 2, 30 }, { 0, 2, 30 }, { 0, 2, 30 } }, stop_time = 0.1, seeds = 1, policies = { "./mine.lua" },
  cluster = { gpus = 2, max_requests = 1, kv_blocks = 100 }, latency = latency.step { base = 0.01 } }
END
    run -0 "$MBSAND" three.lua -q --set params.engine=sarathi --set params.chunk=64
    says "mine: 2 64 1 0 0"
    says "mine: 2 64 2 2 1"
    sed -i '1s/.*/local Mine = require "mbsand.router".new()/; 2s/.*/Mine.params = { first = 2 }/' mine.lua
    run -1 "$MBSAND" three.lua -q
    says "a router's parameters are given to \`new\`"
}

@test "help WORD: where something is said of it" {
    run -0 "$MBSAND" help preempt victim
    says "what scripts can call"
    says "docs/writing-policies.md:"
    run -0 "$MBSAND" help ttft_p99
    says "measures ttft_p99_s"
    run -0 "$MBSAND" help gpus replicas
    run -0 "$MBSAND" help cluster.gpus
    says "keys of a scenario cluster.gpus"
    run -0 "$MBSAND" help fit
    says "usage: mbsand fit"
    fails_with 2 "nothing is said of 'xyzzyx'" help xyzzyx
    fails_with 2 "nothing is said of 'wattermark'; did you mean 'watermark'?" help wattermark
    fails_with 2 "nothing is said of 'disagregated'; did you mean 'disaggregated'?" help disagregated
    fails_with 2 "nothing is said of 'wedge'; see" help wedge # not "merge"
    run -0 "$MBSAND" help queue out # what heads a column
    says 'at_queue, in tables "queue out" fraction of admissions'
    run -0 "$MBSAND" help
    says "usage: mbsand SCENARIO.lua"
}

@test "--set of what is swept or listed is refused, with what to write instead" {
    small
    for key in over.cluster.gpus over.x policies.x; do
        run "$MBSAND" s.lua --set $key=3
        [ "$status" -eq 2 ]
        says "--set $key=3: $key cannot be set so; "
    done
}

@test "init: a copy that runs to the same bytes, and whose policies, rules and data can be edited" {
    local home=$root
    run -0 "$MBSAND" init own
    [ "$output" = "own written; try: mbsand own/scenarios/burst.lua" ]
    for folder in policies scenarios lua; do diff -r "$home/$folder" "own/$folder"; done
    diff -r -x traces -x perf "$home/data" own/data
    cmp "$home/.luarc.json" own/.luarc.json
    measured() { "$MBSAND" "$1" -q --seeds 1 --set workload.limit=300 --format csv | sed 's/,[^,]*,[^,]*$//'; } # all but times of a clock
    measured burst >bundled.csv
    measured own/scenarios/burst.lua >own.csv
    cmp bundled.csv own.csv

    sed -i '2,700d' own/data/burst_sample.csv
    (cd own/scenarios && measured ./burst.lua) >other.csv
    run cmp -s bundled.csv other.csv
    [ "$status" -eq 1 ]
    echo 'error "edited policy"' >own/policies/fcfs.lua
    echo 'error "edited rule"' >own/policies/bins/equal_width.lua
    run "$MBSAND" own/scenarios/burst.lua -q --seeds 1 --policy fcfs
    [ "$status" -ne 0 ]
    says "edited policy"
    run "$MBSAND" own/scenarios/burst.lua -q --seeds 1 --policy multi_bin_dynamic,rule=equal_width
    [ "$status" -ne 0 ]
    says "edited rule"
    measured burst | cmp - bundled.csv
}

@test "init: what is there is not written over" {
    mkdir full empty
    touch full/.mine file
    run "$MBSAND" init full
    [ "$status" -eq 2 ]
    says "full: is not empty; expected a new or an empty folder, so that nothing of yours is written over"
    [ "$(ls -A full)" = .mine ]
    run "$MBSAND" init file
    [ "$status" -eq 2 ]
    says "file: is a file; expected a new or an empty folder"
    run "$MBSAND" init no/where
    [ "$status" -eq 1 ]
    says "no/where: cannot be written: No such file or directory"
    run "$MBSAND" init
    [ "$status" -eq 2 ]
    says "into which folder? For example: mbsand init sandbox"
    "$MBSAND" init empty
    [ -f empty/policies/fcfs.lua ]
}

@test "show-scenario: every bundled scenario with its defaults, as JSON" {
    for scenario in "$root"/scenarios/*.lua; do "$MBSAND" show-scenario "$scenario" --resolved; done >all.json
    jq -e 'select((.points | length > 0 and all(.scenario.policies | length > 0)) or .skipped) | .path' all.json >good
    [ "$(wc -l <good)" -eq "$(find "$root/scenarios" -name '*.lua' | wc -l)" ]
    if python3 -c 'import jsonschema' 2>/dev/null; then
        "$MBSAND" list schema >scenario.schema.json
        python3 - <<'END'
import json, jsonschema
schema = json.load(open("scenario.schema.json"))
jsonschema.Draft7Validator.check_schema(schema)
check, text, count = jsonschema.Draft7Validator(schema), open("all.json").read(), 0
while text.strip():
    shown, end = json.JSONDecoder().raw_decode(text.lstrip())
    text, count = text.lstrip()[end:], count + 1
    check.validate(shown)
    if not shown["points"]: continue
    one = shown["points"][0]["scenario"]
    for table, key, wrong in ((one, "seeds", 0), (one["cluster"], "kv_block", 1.5), (one["workload"], "kind", "trace.none"), (one, "by", "cat")):
        right = table.get(key)
        table[key] = wrong
        assert not check.is_valid(shown), (shown["path"], key)
        if right is None: del table[key]
        else: table[key] = right
assert count > 30
END
    fi
    "$MBSAND" show-scenario burst --resolved --set cluster.gpus=3 --set workload.limit=7 --seeds 2 --only vllm_v1 \
        --policy fcfs,max_batch=9 >burst.json
    jq -e '.points[0].scenario | [.cluster.gpus, .workload.limit, .seeds, .cluster.kv_block, .cluster.oversize, .limits.hook_seconds]
        == [3, 7, 2, 16, "reject", 1]' burst.json
    jq -e '.points[0].scenario.policies | map([.name, .params[].value]) == [["vllm_v1"], ["fcfs", 9]]' burst.json
    cat >own.lua <<'END'
return scenario {
  workload = synthetic { prompt = 10, output = 5, limit = 20, arrivals = arrivals.constant { rate = 1 } },
  cluster = { gpus = 1 }, policies = { "fcfs" },
  latency = latency.custom(function(_) return 1 end),
}
END
    "$MBSAND" show-scenario ./own.lua --resolved >own.json
    jq -e '.points[0].scenario.latency | .kind == "latency.custom" and .time == { function: "./own.lua", line: 4 }' own.json
    run "$MBSAND" show-scenario burst
    [ "$status" -eq 2 ]
    says "--resolved is missing"
}
