# The verbs, their help, their mistakes, and what happens when output cannot be written or somebody presses Ctrl-C.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    small=$root/tests/sandbox/small.lua
}

fails() { # fails CODE SENTENCE COMMAND...: the sentence, and nothing else, on standard error
    local code=$1 sentence=$2
    shift 2
    run "$@"
    [ "$status" -eq "$code" ] || { echo "exit code $status: $output"; return 1; }
    [ "$output" = "$sentence" ] || { echo "expected: $sentence"; echo "printed:  $output"; return 1; }
}

@test "--version tells the version, the Lua engine, and the walls around policies" {
    run "$MBSAND" --version
    [ "$status" -eq 0 ]
    [[ ${lines[1]} =~ ^"the kernel's walls around policies: "(seccomp and Landlock|seccomp|none)$ ]]
    [[ ${lines[0]} =~ ^mbsand\ [0-9]+\.[0-9]+\.[0-9]+\ \(Lua\ 5\.4\.[0-9]+\)$ ]]
    [ -x "$MBSAND_LUAJIT" ] || return 0
    run "$MBSAND_LUAJIT" --version
    [[ $output == *"(LuaJIT 2.1"* ]]
}

@test "every verb has a help" {
    run "$MBSAND" --help
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "usage: mbsand SCENARIO.lua [options]" ]]
    verbs=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' <<<"$output")
    [ -n "$verbs" ]
    for verb in $verbs; do
        run "$MBSAND" "$verb" --help
        [ "$status" -eq 0 ]
        [[ ${lines[0]} == "usage: mbsand "*"$verb"* ]]
        run "$MBSAND" "$verb" -h
        [ "$status" -eq 0 ]
    done
}

@test "without arguments the help, and exit code 2" {
    run "$MBSAND"
    [ "$status" -eq 2 ]
    says "usage: mbsand SCENARIO.lua [options]"
}

@test "an unknown verb or option" {
    fails 2 "mbsand: unknown verb 'simulate'; a scenario's file ends in .lua; see \`mbsand --help\`" "$MBSAND" simulate
    fails 2 "mbsand: 'brust' is no verb, nor a scenario; did you mean 'burst'?; see \`mbsand --help\`" "$MBSAND" brust
    touch mine.lua
    fails 2 "mbsand: 'mine' is no verb, nor a bundled scenario; did you mean the file mine.lua?; see \`mbsand --help\`" "$MBSAND" mine
    fails 2 "mbsand: --policy mine: no policy \"mine\" is bundled; did you mean the file ./mine.lua?" "$MBSAND" burst -p mine
    fails 2 "mbsand: unknown verb 'chek'; did you mean 'check'?; see \`mbsand --help\`" "$MBSAND" chek
    fails 2 "mbsand: no option --all; see \`mbsand list --help\`" "$MBSAND" list --all policies
    fails 2 "mbsand: no option --all; see \`mbsand check --help\`" "$MBSAND" check --all
    fails 2 "mbsand: no option --force; see \`mbsand new --help\`" "$MBSAND" new --force policy x
    fails 2 "mbsand: no option --formt; did you mean --format?; see \`mbsand run --help\`" "$MBSAND" burst --formt csv
    fails 2 "mbsand: --seed needs a value; see \`mbsand run --help\`" "$MBSAND" burst --seed
    fails 2 "mbsand: --policy needs a value; see \`mbsand run --help\`" "$MBSAND" burst -p
    fails 2 "mbsand: --quiet takes no value; see \`mbsand run --help\`" "$MBSAND" burst --quiet=1
    fails 2 "mbsand: no option -Z; see \`mbsand sweep --help\`" "$MBSAND" sweep burst -qZ
    fails 2 "mbsand: no option --frmat; did you mean --format?; see \`mbsand compare --help\`" "$MBSAND" compare --frmat csv a b
    fails 2 "mbsand: no option --baselin2; did you mean --baseline?; see \`mbsand show --help\`" "$MBSAND" show --baselin2 a b
    fails 2 "mbsand: no option -o; see \`mbsand show --help\`" "$MBSAND" show a -o b
    fails 2 "mbsand: no option --x; see \`mbsand merge --help\`" "$MBSAND" merge --x
    fails 2 "mbsand: no option -m; see \`mbsand probe --help\`" "$MBSAND" probe -m qwen3-0.6b
    fails 2 "mbsand: no option -v; see \`mbsand fit --help\`" "$MBSAND" fit -vs steps.csv
    fails 2 "mbsand: --absolute takes no value; see \`mbsand fit --help\`" "$MBSAND" fit --absolute=1 steps.csv
    fails 2 "mbsand: no option -r; see \`mbsand verify --help\`" "$MBSAND" verify --engine llama -r 2
    fails 2 "mbsand: no option --sconds; did you mean --seconds?; see \`mbsand verify --help\`" "$MBSAND" verify --engine llama --sconds 2
    fails 2 "mbsand: no option -p; see \`mbsand playground --help\`" "$MBSAND" playground -p 0
    fails 2 "mbsand: no option --modl; did you mean --model?; see \`mbsand plan --help\`" "$MBSAND" plan --modl x
    fails 2 "mbsand: vllm_v1 max_request=3: unknown parameter 'max_request'; did you mean 'max_requests'? (it has long_prefill, max_requests, max_tokens, reserve, watermark)" \
        "$MBSAND" burst --only vllm_v1 -p vllm_v1,max_request=3
    fails 2 "mbsand: there is no model \"llama\"; did you mean \"llama-2-7b\"? (a file of yours is written ./llama.json)" \
        "$MBSAND" plan --model llama --gpu h100-80gb
    run "$MBSAND" "$small" --sedes 3
    [ "$status" -eq 2 ]
    says "--sedes"
}

@test "list: names in a column of their own, no line wider than 100" {
    for what in policies bins scenarios; do
        run "$MBSAND" list "$what"
        [ "$status" -eq 0 ]
        [ "${#lines[@]}" -gt 3 ]
        for line in "${lines[@]}"; do
            [ "${#line}" -le 100 ]
            [[ $line =~ ^\ \ ([a-z_0-9/]+\ +|\ +)[^\ ].* ]]
        done
    done
    run "$MBSAND" list policies
    says "origin/first_multi_bin_dynamic The origin's multi_bin_dynamic, first state"
    says "static_fifo batches of a fixed size in arrival order, run to completion."
}

@test "list: mistakes" {
    fails 2 "mbsand: list needs one of: policies, bins, scenarios, models, gpus, keys, measures, schema; see \`mbsand list --help\`" "$MBSAND" list
    fails 2 "mbsand: 'polices' cannot be listed; expected policies, bins, scenarios, models, gpus, keys, measures or schema; see \`mbsand list --help\`" \
        "$MBSAND" list polices
}

@test "check: everything bundled is good" {
    cd "$root"
    for what in policies scenarios; do
        "$MBSAND" list "$what" | sed -n 's/^  \([a-z][a-z_0-9/]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/$what"
    done
    while read -r name; do
        run "$MBSAND" check "$name"
        [ "$status" -eq 0 ]
        [[ $output == *": a good policy" ]]
    done <"$BATS_TEST_TMPDIR/policies"
    while read -r name; do
        run "$MBSAND" check "scenarios/$name.lua"
        [ "$status" -eq 0 ]
    done <"$BATS_TEST_TMPDIR/scenarios"
}

@test "check: several files, the good beside the bad" {
    echo 'return { schedule = function() end }' >good.lua
    echo 'return { shedule = function() end }' >bad.lua
    echo 'while true do end' >endless.lua
    echo 'return scenario { polices = {} }' >scenario.lua
    run "$MBSAND" check good.lua bad.lua
    [ "$status" -eq 2 ]
    says "good.lua: a good policy"
    says "mbsand: bad.lua: there is no hook 'shedule'; did you mean 'schedule'?"
    run "$MBSAND" check endless.lua
    [ "$status" -eq 2 ]
    says "mbsand: endless.lua:1: the script ran longer than 1 s of CPU time (limits.hook_seconds); is there an endless loop?"
    run "$MBSAND" check scenario.lua
    [ "$status" -eq 2 ]
    says 'scenario.lua:1:'
    says 'policies'
    fails 2 'mbsand: check needs a file; see `mbsand check --help`' "$MBSAND" check
    fails 2 'mbsand: there is no policy "nothing.lua": No such file or directory' "$MBSAND" check nothing.lua
    mkdir folder.lua
    fails 2 'mbsand: the policy "folder.lua" is a folder, not a file' "$MBSAND" check folder.lua
}

@test "check: a corpus of good and bad policies" {
    for file in "$root"/tests/corpus/policy/good_*.lua; do
        run "$MBSAND" check "$file"
        [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    done
    for file in "$root"/tests/corpus/policy/bad_*.*; do
        run "$MBSAND" check "$file"
        [ "$status" -eq 2 ] || { echo "$file: $status: $output"; return 1; }
        [[ ${lines[0]} == "mbsand: "*"$(basename "$file")"* ]] || { echo "$output"; return 1; }
        if [ -x "$MBSAND_LUAJIT" ]; then
            run "$MBSAND_LUAJIT" check "$file"
            [ "$status" -eq 2 ] || { echo "LuaJIT: $file: $status: $output"; return 1; }
        fi
    done
}

@test "new policy: runs as it is, and is never overwritten" {
    run "$MBSAND" new policy mine
    [ "$status" -eq 0 ]
    [ "$output" = "mine.lua written; try: mbsand scenarios/burst.lua --policy ./mine.lua" ]
    run "$MBSAND" check mine.lua
    [ "$output" = "mine.lua: a good policy" ]
    run "$MBSAND" "$small" --policy ./mine.lua,batch_size=4
    [ "$status" -eq 0 ]
    echo "-- changed" >>mine.lua
    cp mine.lua before.lua
    fails 2 "mbsand: mine.lua: exists already; choose another name" "$MBSAND" new policy mine
    cmp mine.lua before.lua
}

@test "new policy: bad names" {
    for name in ../mine a/b 'two words' '' -- mine.lua 'x;y'; do
        run "$MBSAND" new policy "$name"
        [ "$status" -eq 2 ]
        [ -z "$(ls)" ]
    done
    fails 2 "mbsand: 'two words' is not a good name; use letters, digits and underscores; see \`mbsand new --help\`" \
        "$MBSAND" new policy 'two words'
    fails 2 "mbsand: expected: mbsand new policy|router|rule|scenario|test NAME [--like OTHER]; see \`mbsand new --help\`" "$MBSAND" new polcy mine
}

@test "new: every kind runs as it is, alone and like another" {
    for kind in policy router rule scenario; do "$MBSAND" new $kind "a_$kind"; done
    "$MBSAND" new policy s --like sarathi
    "$MBSAND" new router l --like least_loaded
    "$MBSAND" new rule g --like geometric
    "$MBSAND" new scenario b --like burst
    "$MBSAND" new policy again --like ./s.lua
    [ "$(head -1 s.lua)" = "-- s: made from sarathi of mbsand $("$MBSAND" --version | awk 'NR == 1 { print $2 }')." ]
    run -0 "$MBSAND" check a_policy.lua a_router.lua a_scenario.lua s.lua l.lua b.lua again.lua
    run -0 "$MBSAND" a_scenario.lua -q --seeds 1 --set workload.limit=200 -p ./s.lua -p ./a_router.lua -p ./l.lua
    says "a_router"
    run -0 "$MBSAND" "$small" -q --seeds 1 -p ./a_policy.lua -p multi_bin,rule=./a_rule.lua -p multi_bin,rule=./g.lua
    [[ $output != *warning* ]]
    fails 2 'mbsand: there is no policy "sarath"; did you mean "sarathi"? (a file of yours is written ./sarath.lua)' \
        "$MBSAND" new policy x --like sarath
    fails 2 "mbsand: s.lua: exists already; choose another name" "$MBSAND" new rule s --like geometric
    [ ! -e x.lua ]
}

@test "new policy: a folder that cannot be written" {
    [ "$(id -u)" -ne 0 ] || skip "root may write everywhere"
    mkdir closed && chmod 555 closed && cd closed
    run "$MBSAND" new policy mine
    [ "$status" -eq 1 ]
    says "mine.lua: cannot be written: Permission denied"
}

@test "--set: mistakes" {
    run "$MBSAND" "$small" --set cluster.gpuss=3
    [ "$status" -eq 2 ]
    says 'mbsand: --set cluster.gpuss=3: cluster has no key "gpuss"; did you mean "gpus"?'
    run "$MBSAND" "$small" --set nothing=3
    [ "$status" -eq 2 ]
    says 'mbsand: --set nothing=3: a scenario has no key "nothing"; its keys:'
    fails 2 'mbsand: --set cluster.gpus: expected key=value, as in --set cluster.gpus=8' \
        "$MBSAND" "$small" --set cluster.gpus
    fails 2 'mbsand: --set cluster.gpus=many: cluster.gpus is "many"; expected a whole number from 1 to 1048576' \
        "$MBSAND" "$small" --set cluster.gpus=many
}

@test "numbers that are none" {
    for option in --seeds=0 --seeds=-1 --seeds=1.5 --seeds=many --seeds= --jobs=0 --seed=-1 --memory-mb=0 \
        --hook-seconds=0 --hook-seconds=nan --hook-instructions=0; do
        run "$MBSAND" "$small" "$option"
        [ "$status" -eq 2 ] || { echo "$option: $status: $output"; return 1; }
        [[ ${lines[0]} == "mbsand: --${option#--}"* || ${lines[0]} == "mbsand: ${option%%=*}:"* ]]
    done
}

@test "a scenario that is not there, one argument too many" {
    fails 2 'mbsand: there is no scenario "nothing.lua": No such file or directory' "$MBSAND" nothing.lua
    run "$MBSAND" "$small" again
    [ "$status" -eq 2 ]
    says "'again' is one argument too many"
}

@test "limits hold in instructions as well, at the same place under both engines' own count" {
    printf '%s\n' 'local P = {}' 'function P:schedule() while true do end end' 'return P' >loop.lua
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$binary" ] || continue
        run "$binary" "$small" -p ./loop.lua --hook-instructions 1000000
        [ "$status" -eq 1 ]
        says "./loop.lua:2: schedule used more than 1000000 instructions (limits.hook_instructions) [in schedule"
    done
}

@test "time that a hook waits is no time of its own: only the CPU's counts" {
    # It prints more than a pipe holds, and nobody reads for two seconds.
    printf '%s\n' 'local P = {}' 'function P:init() for _ = 1, 500 do print(("x"):rep(1900)) end end' \
        'function P:schedule(_, step) step:admit(self.sim.queue) end' 'return P' >wait.lua
    "$MBSAND" "$small" -p ./wait.lua --jobs 1 --hook-seconds 1 2> >(sleep 2; cat >err) >out || { cat out; return 1; }
    grep -q '^wait  *[0-9]' out
}

@test "a limit of instructions ends a run at the same place, whatever else the machine does" {
    # A hook that does more from call to call.
    printf '%s\n' 'local P = { n = 0 }' 'function P:schedule(_, step)' \
        '  self.n = self.n + 1 for _ = 1, 100 * self.n do end' '  step:admit(self.sim.queue)' 'end' 'return P' >more.lua
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$binary" ] || continue
        run "$binary" "$small" -p ./more.lua --hook-instructions 10000
        [ "$status" -eq 1 ]
        says "schedule used more than 10000 instructions (limits.hook_instructions) [in schedule, t ="
        alone=$output
        (while :; do :; done) &
        busy=$!
        run nice -n 19 "$binary" "$small" -p ./more.lua --hook-instructions 10000
        kill "$busy"
        [ "$output" = "$alone" ]
    done
}

@test "standard output that is closed or full" {
    for command in "$small" "list policies" "--help" "--version" "list --help" "check $small"; do
        # shellcheck disable=SC2086
        run --separate-stderr bash -c "'$MBSAND' $command >&-"
        [ "$status" -eq 1 ] || { echo "$command: $status: $output"; return 1; }
        [[ $stderr == "mbsand: "*"Bad file descriptor"* ]]
        [ -w /dev/full ] || continue
        run --separate-stderr bash -c "'$MBSAND' $command >/dev/full"
        [ "$status" -eq 1 ]
        [[ $stderr == "mbsand: "*"No space left on device"* ]]
    done
}

@test "a kind can be set by its name, and its keys with it" {
    cd "$BATS_TEST_TMPDIR"
    scenario() { # scenario PREDICTOR
        echo "return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = 100,
            output = lengths.uniform { low = 5, high = 100 }, limit = 300, predictor = $1 }, cluster = { gpus = 1 },
            latency = latency.batch { alpha = 0.02, beta = 0.001, gamma = 0.3 }, policies = { 'static_sjf' }, seeds = 2 }"
    }
    rows() { "$MBSAND" "$@" -q --format csv | cut -d, -f1-40; } # the clock's columns come later
    scenario 'predict.lognormal { sigma = 0.8 }' >s.lua
    scenario 'predict.exact {}' >exact.lua
    scenario 'predict.constant { value = 30 }' >constant.lua
    ! cmp -s <(rows s.lua) <(rows exact.lua)
    cmp <(rows s.lua --set workload.predictor=exact) <(rows exact.lua)
    cmp <(rows s.lua --set workload.predictor=predict.exact) <(rows exact.lua)
    cmp <(rows s.lua --set workload.predictor=constant --set workload.predictor.value=30) <(rows constant.lua)
    [ "$(rows s.lua --over workload.predictor=exact,predict.exact | grep -c '^exact,')" -eq 2 ]
    run "$MBSAND" s.lua --set workload.predictor=constant
    [ "$status" -eq 2 ]
    says "workload.predictor.value is missing; expected a whole number"
    run "$MBSAND" s.lua --set workload.predictor=exakt
    [ "$status" -eq 2 ]
    says 'workload.predictor is "exakt"; expected predict.exact, lognormal,'
    run "$MBSAND" s.lua --set cluster.gpus=2 --set cluster.gpus.x=1
    says "cluster.gpus is 2 and has no keys"
}

@test "--assert: exit code 3 where a policy does not keep a measure" {
    cd "$BATS_TEST_TMPDIR"
    # A job takes 1 s: alone it is done after 1, the second of two at once after 2.
    printf 't,n,s\n0,1,1\n0,1,1\n' >two.csv
    cat >s.lua <<'END'
return scenario { workload = trace.csv "two.csv" { columns = { time = "t", prompt = "n", output = "n", service = "s" } }, cluster = { gpus = 1 },
  latency = latency.jobs {}, policies = { { "static_fifo", batch_size = 1 } }, seeds = 1, over = { { "cluster.gpus", { 1, 2 } } } }
END
    run "$MBSAND" s.lua -q --assert 'e2e_max<=2' --assert 'e2e_max_s>0.9'
    [ "$status" -eq 0 ]
    run "$MBSAND" s.lua -q --assert 'e2e_max<2' --assert 'e2e_mean>1'
    [ "$status" -eq 3 ]
    says "mbsand: --assert e2e_max<2: static_fifo at cluster.gpus=1 has 2"
    says "mbsand: --assert e2e_mean>1: static_fifo at cluster.gpus=2 has 1"
    ! says "e2e_max<2: static_fifo at cluster.gpus=2"
    run "$MBSAND" s.lua -q --assert 'kv_peak<1'
    [ "$status" -ne 0 ]
    for wrong in 'e2e_max' 'e2e_max=2' 'e2e_max<' 'e2e_max<x' '<2'; do
        run "$MBSAND" s.lua -q --assert "$wrong"
        [ "$status" -eq 2 ]
        says "--assert $wrong:"
    done
    run "$MBSAND" s.lua -q --assert 'e2e_p98<1'
    [ "$status" -eq 2 ]
    says "'e2e_p98' is no measure; for example e2e_p90_s"
}

@test "times a thousandfold off bring a question, in every format" {
    cd "$BATS_TEST_TMPDIR"
    for law in 'latency.batch { alpha = 60, beta = 0.001, gamma = 0.3 }' 'latency.step { base = 60, per_token = 1e-6 }'; do
        echo "return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 0.001 }, prompt = 10, output = 2, limit = 20 },
            cluster = { gpus = 1 }, latency = $law, policies = { 'fcfs' }, seeds = 1, slo = { tbt = 25 } }" >s.lua
        name=$([[ $law == *alpha* ]] && echo alpha || echo base)
        for format in table csv json md; do
            run "$MBSAND" s.lua -q --format $format
            [ "$status" -eq 0 ]
            says "latency.$name = 60 s, slo.tbt = 25 s: were milliseconds meant? Times are in seconds"
        done
    done
    run "$MBSAND" s.lua -q --set latency.base=0.06 --set slo.tbt=0.025
    ! says "were milliseconds meant" >/dev/null
}

@test "a trace whose times begin thousands of years after 1970 brings a question, in every format" {
    cd "$BATS_TEST_TMPDIR"
    cat >s.lua <<'END'
return scenario { workload = trace.csv "t.csv" { columns = { time = "t", prompt = "i", output = "o" } }, cluster = { gpus = 1 },
    latency = latency.step { base = 0.01 }, policies = { "fcfs" }, seeds = 1 }
END
    # trace DIGITS: two rows in 2025, and what is put behind their seconds
    trace() { printf 't,i,o\n1754000000%s,5,2\n1754000009%s,5,2\n' "$1" "$1" >t.csv; }
    asked="the times of t.csv begin at 1.754e+12 s, 55,582 years after 1970: is their unit a thousand times smaller? \`time_unit = 0.001\`"
    trace 000
    for format in table csv json md; do
        run "$MBSAND" s.lua -q --format $format
        [ "$status" -eq 0 ]
        says "$asked"
    done
    "$MBSAND" sweep s.lua --db s.db -q 2>/dev/null
    run "$MBSAND" show s.db
    says "${asked/t.csv/the trace}"
    trace 000000
    run "$MBSAND" s.lua -q --set workload.time_unit=0.001
    says "is their unit a thousand times smaller?"
    trace 000000000
    run "$MBSAND" s.lua -q --set workload.sort=true
    says "is their unit a billion times smaller?"
    run "$MBSAND" s.lua -q --set workload.time_unit=1e-9
    [ "$status" -eq 0 ]
    ! says "years after 1970" >/dev/null
    trace .5
    run "$MBSAND" s.lua -q
    ! says "years after 1970" >/dev/null
    echo '{"timestamp": 1754000000000000, "input_length": 5, "output_length": 2}' >t.jsonl # of milliseconds always
    sed -i 's/trace.csv .*}, cluster/trace.mooncake "t.jsonl", cluster/' s.lua
    run "$MBSAND" s.lua -q
    says "is their unit a thousand times smaller?"
}

@test "a queue that grows all along is named" {
    cd "$BATS_TEST_TMPDIR"
    # 10 jobs a second come, each takes 0.2 s: the last of 300 comes at 29.9 s and waits until 59.8.
    echo 't,n,s' >jobs.csv
    awk 'BEGIN { for (i = 0; i < 300; i++) print i / 10 ",1,0.2" }' >>jobs.csv
    cat >s.lua <<'END'
return scenario { workload = trace.csv "jobs.csv" { columns = { time = "t", prompt = "n", output = "n", service = "s" } }, cluster = { gpus = 1 },
  latency = latency.jobs {}, policies = { { "static_fifo", batch_size = 1 } }, seeds = 1 }
END
    for format in table json md; do
        run "$MBSAND" s.lua -q --format $format
        says "fifo: 10 requests/s come, 5 are served, and waits reach 29.9 s of the 29.9 s in which they come"
    done
    run "$MBSAND" s.lua -q --set cluster.gpus=2
    ! says "the queue grows" >/dev/null
}
