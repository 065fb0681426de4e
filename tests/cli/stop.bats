# Runs that are stopped: what is finished is printed and kept, and nothing stands under a name that it is not.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    small="$root/tests/sandbox/small.lua"
}

# until_exists FILE: wait for it, at most two minutes on the busiest machine.
until_exists() {
    for _ in $(seq 1200); do
        [ -e "$1" ] && return 0
        sleep 0.1
    done
    echo "$1 did not appear"
    return 1
}

slow_policy() { # writes slow.lua, whose every arrival takes milliseconds
    cat >slow.lua <<'END'
local Slow = {}
function Slow:arrive(req)
  local sum = 0
  for i = 1, 300000 do sum = sum + i end
  self.sim:observe("sum", sum)
  self.sim.queue:push(req)
end
function Slow:schedule(_, step) step:admit(self.sim.queue, 8) end
return Slow
END
}

# stop SIGNAL FILE ARGUMENTS...: run, and send the signal when the file exists; "busy": when it is at work for long.
stop() {
    local signal=$1 file=$2
    shift 2
    "$MBSAND" "$@" --quiet >out 2>err &
    pid=$!
    if [ "$file" = busy ]; then until_busy "$pid"; else until_exists "$file"; fi
    kill -"$signal" "$pid"
    status=0
    wait "$pid" || status=$?
    cat out err
    output=$(cat out err)
}

@test "Ctrl-C, the end of the terminal, kill: what is finished is printed, with a sentence" {
    signals="INT TERM HUP"
    # Under nohup the end of the terminal is ignored, as it should be.
    if (("0x$(awk '/^SigIgn/ { print $2 }' /proc/self/status)" & 1)); then signals="INT TERM"; fi
    for signal in $signals; do
        rm -rf "dump-$signal"
        stop $signal "dump-$signal/requests-static_fifo-1.csv" "$small" --seeds 100000 --jobs 1 --dump requests --out "dump-$signal"
        [ "$status" -eq 1 ]
        grep -q '^static_fifo  *[0-9]' out
        grep -q 'only [0-9]* of 100000 runs finished' out
        grep -qx 'mbsand: interrupted; what was finished is above' err
        [ -s "dump-$signal/summary.csv" ]
    done
}

@test "what was not run is not shown, nor called good" {
    printf 'return scenario { cluster = { gpus = 1 }, latency = latency.step { base = 0.01 }, policies = { "fcfs", "vllm_v1" }, seeds = 300,
    workload = synthetic { arrivals = arrivals.poisson { rate = 5 }, prompt = 9, output = 99, limit = 1e9 } }\n' >long.lua
    "$MBSAND" test long.lua >out 2>err &
    pid=$!
    until_busy "$pid"
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    grep -q "interrupted before it was run" out
    grep -qx "0 passed, 2 failed" out
    grep -qx "mbsand: interrupted; what was tested is above" err
    echo old >report.html
    stop INT busy report long.lua
    [ "$status" -eq 1 ]
    says "mbsand: interrupted before the first run was over: there is nothing to show"
    [ "$(cat report.html)" = old ]
    stop INT busy plot long.lua --figure cdf -o p.svg
    [ "$status" -eq 1 ] && [ ! -e p.svg ] && [ ! -e p.gp ]
}

@test "a file of forty gigabytes that a sweep fingerprints is left in the middle" {
    printf 't,p,o\n0,10,2\n1,10,2\n' >long.csv
    truncate -s 40G long.csv || skip "no file with holes here"
    printf 'return scenario { cluster = { gpus = 1 }, latency = latency.step { base = 0.01 }, policies = { "fcfs" }, seeds = 1,
    workload = trace.csv "long.csv" { limit = 2, columns = { time = "t", prompt = "p", output = "o" } } }\n' >s.lua
    stop INT busy sweep s.lua --db results.db
    [ "$status" -eq 1 ]
    says "mbsand: interrupted while "
    says "long.csv was read"
    run "$MBSAND" pack s.lua -o case.mbs
    [ "$status" -eq 2 ]
    says "long.csv: is larger than 953 MiB"
}

@test "a policy that takes its time is stopped in the middle of its run" {
    slow_policy
    # The other policy's run comes first and is over when this one begins to dump.
    stop INT dump/requests-slow-1.csv.part "$small" -p ./slow.lua --seeds 1 --jobs 1 --set workload.limit=1000000 \
        --dump requests --out dump
    [ "$status" -eq 1 ]
    # Between two events, or in a hook that the machine left waiting.
    where="slow failed with seed 1: (interrupted at t = |[^[]*was interrupted \\[in [a-z]+, t = )"
    [[ $(tr -s ' \n' ' ' <<<"$output") =~ $where ]]
    says "what runs that did not come to their end had dumped is in dump, in files named *.part"
    [ -e dump/requests-static_fifo-1.csv ] && [ ! -e dump/requests-slow-1.csv ]
}

@test "a policy's error leaves no file under the name of a whole one" {
    cat >fails.lua <<'END'
local Fails = {}
function Fails:schedule(_, step)
  if self.sim.now > 5 then error("no more") end
  step:admit(self.sim.queue, 8)
end
return Fails
END
    run "$MBSAND" "$small" -p ./fails.lua --seeds 1 --quiet --dump requests,batches --out dump
    [ "$status" -eq 1 ]
    says "no more"
    says "in files named *.part"
    [ -s dump/requests-fails-1.csv.part ] && [ ! -e dump/requests-fails-1.csv ]
    [ -s dump/batches-fails-1.csv.part ] && [ ! -e dump/batches-fails-1.csv ]
    [ -s dump/requests-static_fifo-1.csv ]
    sed -i 's/error("no more")/local _ = 1/' fails.lua # the next run takes the place of what was left
    run "$MBSAND" "$small" -p ./fails.lua --seeds 1 --quiet --dump requests,batches --out dump
    [ "$status" -eq 0 ]
    [ -s dump/requests-fails-1.csv ]
    run find dump -name '*.part'
    [ -z "$output" ]
}

@test "two programs do not write one file" {
    slow_policy
    "$MBSAND" "$small" -p ./slow.lua --seeds 1 --jobs 1 --set workload.limit=1000000 --dump requests --out dump --quiet >out 2>err &
    first=$!
    until_exists dump/requests-slow-1.csv.part
    run "$MBSAND" "$small" -p ./slow.lua --seeds 1 --jobs 1 --quiet --dump requests --out dump
    kill -KILL "$first"
    [ "$status" -eq 1 ]
    says "cannot write dump/requests-slow-1.csv: another program is writing it"
}

@test "a file that grows past the limit is a failed write, not a dead program" {
    run bash -c "ulimit -f 8; '$MBSAND' '$small' --seeds 2 --quiet --dump requests --out dump --set workload.limit=5000"
    [ "$status" -eq 1 ]
    says "cannot write dump/"
    says "File too large"
}

@test "in every verb, a file that grows past the limit is a sentence, and leaves nothing half-written" {
    cp "$small" ./small.lua
    "$MBSAND" pack ./small.lua -o case.mbs
    "$MBSAND" sweep ./small.lua --db results.db --quiet
    mkdir room
    # limited SENTENCE ARGUMENTS...
    limited() {
        local sentence=$1
        shift
        run bash -c "ulimit -f 1; TMPDIR='$PWD/room' '$MBSAND' $* 2>&1 >/dev/null"
        [ "$status" -eq 1 ] || { echo "$*: exit code $status: $output"; return 1; }
        says "$sentence"
        [ -z "$(find . room -mindepth 1 -name '*.part' -o -name '*.tmp' -o -name '*-journal' -o -path './room/*')" ]
    }
    limited "cannot write shown/results.csv: File too large" show results.db --out shown
    limited "merged.db cannot be read or written" merge merged.db results.db
    limited "new.mbs cannot be written" pack ./small.lua -o new.mbs
    limited "swept.db cannot be read or written" sweep ./small.lua --db swept.db
    limited "cannot be written: File too large" verify case.mbs
    limited "cannot be written: File too large" run case.mbs
    [ ! -e new.mbs ]
}

@test "where nobody reads any more, the program ends, and what it has is kept and cleaned" {
    cp "$small" ./small.lua
    "$MBSAND" pack ./small.lua -o case.mbs
    mkdir room
    # A pipe whose reader is gone before anything is written.
    mkfifo pipe
    sleep 1000 <pipe 3>&- &
    reader=$!
    exec 4>pipe
    kill "$reader"
    wait "$reader" || true
    for what in "run small.lua --seeds 2" "run case.mbs" "verify case.mbs"; do
        status=0
        # shellcheck disable=SC2086
        TMPDIR=$PWD/room timeout 120 "$MBSAND" $what >&4 2>err || status=$?
        [ "$status" -eq 1 ] || { echo "$what: exit code $status: $(cat err)"; return 1; }
        grep -q "Broken pipe" err
        run find room -mindepth 1
        [ -z "$output" ]
    done
    status=0
    timeout 120 "$MBSAND" run small.lua --out kept >&4 2>err || status=$?
    [ "$status" -eq 1 ] && [ -s kept/summary.csv ] && [ -s kept/summary.json ]
}

@test "two programs do not pack into one case" {
    slow_policy
    "$MBSAND" pack "$small" -p ./slow.lua --set workload.limit=100000 -o case.mbs >out 2>err 3>&- &
    first=$!
    until_exists case.mbs.part
    run "$MBSAND" pack "$small" -o case.mbs
    [ "$status" -eq 1 ]
    says "case.mbs: another program is writing it"
    kill -INT "$first"
    status=0
    wait "$first" || status=$?
    [ "$status" -eq 1 ] && [ ! -e case.mbs ] && [ ! -e case.mbs.part ]
    "$MBSAND" pack "$small" -o case.mbs # and what was left by a crash is in nobody's way
    echo old >case.mbs.part
    "$MBSAND" pack "$small" -o case.mbs
    "$MBSAND" verify case.mbs
    [ ! -e case.mbs.part ]
}

@test "a policy that changes on the disk while runs are on changes none of them" {
    mkdir -p mine
    echo 'return { most = 8 }' >mine/helper.lua
    printf '%s\n' 'local helper = require "helper"' 'local P = {}' \
        'function P:schedule(_, step) step:admit(self.sim.queue, helper.most) end' 'return P' >mine/p.lua
    cp -r mine before
    "$MBSAND" "$small" -p ./mine/p.lua --seeds 300 --jobs 1 --quiet --format csv --dump requests --out dump >out 2>err &
    pid=$!
    until_exists dump/requests-p-1.csv # its first run is over
    echo 'error "another"' | tee mine/p.lua >mine/helper.lua
    wait "$pid"
    jq -e --rawfile text before/p.lua '.manifest.policies | any(.text == $text)' dump/summary.json
    jq -e --rawfile text before/helper.lua '.manifest.modules | any(.text == $text)' dump/summary.json
}

@test "a function of latency.custom that never ends is stopped with the program" {
    printf '%s\n' 'return scenario { policies = { "fcfs" }, seeds = 1, slo = {}, cluster = { kv_blocks = 1000 },' \
        '  workload = synthetic { arrivals = arrivals.poisson { rate = 1 }, prompt = 5, output = 5, limit = 5 },' \
        '  latency = latency.custom(function() while true do end end) }' >custom.lua
    stop TERM busy custom.lua --jobs 1 --hook-seconds 100000
    [ "$status" -eq 1 ]
    says "latency.custom was interrupted"
}

# stuck WHAT: custom.lua, whose clock does WHAT from the second policy's run on.
stuck() {
    cat >custom.lua <<END
local calls = 0
local function stuck() $1 end
return scenario { policies = { "fcfs", "static_fifo" }, seeds = 1, slo = {}, cluster = { kv_blocks = 1000 },
  workload = synthetic { arrivals = arrivals.poisson { rate = 1 }, prompt = 5, output = 5, limit = 5 },
  latency = latency.custom(function()
    calls = calls + 1
    if calls > 25 then io.stderr:write("begun\\n") stuck() end
    return 0.01
  end) }
END
}

# until_begun FILE: until the program, which writes the file, says there that it has "begun".
until_begun() {
    for _ in $(seq 1200); do
        if grep -q begun "$1"; then return 0; fi
        sleep 0.1
    done
    echo "it did not begin: $(cat out err)"
    return 1
}

# begun ARGUMENTS...: run in the background until standard error has "begun". (What the run before has said there would let
# the signal come before the program listens to any.)
begun() {
    rm -f out err && touch out err
    "$MBSAND" "$@" >out 2>err 3>&- &
    pid=$!
    until_begun err
}

# ended: within a minute, on the busiest machine; what was printed is in $output.
ended() {
    status=0
    for _ in $(seq 600); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" || status=$?
    output=$(cat out err)
}

@test "a clock that never comes back is left behind: what is finished is printed and kept" {
    # A pattern that backtracks for years, a loop that catches every error, a pipe that nobody writes.
    mkfifo pipe
    for what in 'return (("a"):rep(60)):find(("a*"):rep(60) .. "b")' 'while true do pcall(function() while true do end end) end' \
        'io.open("pipe"):read()'; do
        stuck "$what"
        rm -rf dump
        begun custom.lua --quiet --jobs 1 --no-os-sandbox --hook-seconds 100000 --dump requests --out dump
        kill -INT "$pid"
        ended
        [ "$status" -eq 1 ] || { echo "$what: exit code $status: $output"; return 1; }
        grep -q '^fcfs  *[0-9]' out
        says "static_fifo failed with seed 1: latency.custom was interrupted"
        says "in files named *.part"
        [ -s dump/requests-fcfs-1.csv ] && [ -s dump/summary.csv ] && [ ! -e dump/requests-static_fifo-1.csv ]
    done
    # The same in a sweep: what is finished is in the database.
    stuck 'return (("a"):rep(60)):find(("a*"):rep(60) .. "b")'
    begun sweep custom.lua --db results.db --jobs 1 --hook-seconds 100000
    kill -TERM "$pid"
    ended
    [ "$status" -eq 1 ]
    [ "$(sqlite3 results.db 'SELECT count(*) FROM runs')" = 1 ]
}

@test "a report, and a scenario that is read, that never come back are left behind" {
    stuck='io.stderr:write("begun\\n") return (("a"):rep(60)):find(("a*"):rep(60) .. "b")'
    sed "s/^  seeds = 1,/  seeds = 1, report = function() $stuck end,/" "$small" >report.lua
    begun report.lua --quiet --out dump
    kill -INT "$pid"
    ended
    [ "$status" -eq 2 ]
    says "the script was interrupted"
    grep -q '^static_fifo  *[0-9]' out # the table in its place
    [ -s dump/summary.csv ]
    printf '%s\n' 'io.stderr:write("begun\n")' 'return (("a"):rep(60)):find(("a*"):rep(60) .. "b")' >loop.lua
    mkdir room
    TMPDIR=$PWD/room begun pack ./loop.lua -o case.mbs
    kill -INT "$pid"
    ended
    [ "$status" -eq 1 ]
    says "interrupted while the scenario was read"
    run find room -mindepth 1
    [ -z "$output" ] && [ ! -e case.mbs ]
}

@test "a report that never ends is stopped with the program" {
    sed 's/^  seeds = 1,/  seeds = 1, report = function() print("begun") io.stdout:flush() while true do end end,/' "$small" >report.lua
    touch out
    "$MBSAND" report.lua --quiet >out 2>err &
    pid=$!
    until_begun out
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    output=$(cat out err)
    [ "$status" -eq 2 ]
    says "the script was interrupted"
}

# begun_and_stopped SENTENCE ARGUMENTS...: a program whose script prints "begun" is told to end.
begun_and_stopped() {
    local sentence=$1
    shift
    rm -f out && touch out # as in begun
    TMPDIR=$PWD/room "$MBSAND" "$@" >out 2>err &
    pid=$!
    until_begun out
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    output=$(cat out err)
    [ "$status" -eq 1 ] || { echo "exit code $status: $output"; return 1; }
    says "$sentence"
}

@test "a scenario that never ends being read is stopped in every verb, and leaves nothing" {
    mkdir room
    # One that catches the error does not get away with it.
    printf '%s\n' 'print("begun") io.stdout:flush()' 'pcall(function() while true do end end)' 'while true do end' >loop.lua
    for verb in "pack ./loop.lua -o case.mbs" "sweep ./loop.lua --db results.db" \
        "search ./loop.lua --over cluster.gpus=1..4 --slo e2e_p99<=60"; do
        # shellcheck disable=SC2086
        begun_and_stopped "interrupted while the scenario was read" $verb
    done
    # In a case, too: its files are removed.
    cp "$small" ./small.lua
    "$MBSAND" pack ./small.lua -o small.mbs
    sqlite3 small.mbs "UPDATE sqlar SET data = readfile('loop.lua'), sz = length(readfile('loop.lua')) WHERE name LIKE '%/small.lua'"
    for verb in run verify; do
        begun_and_stopped "interrupted while the scenario was read" $verb small.mbs
    done
    run find room -mindepth 1
    [ -z "$output" ]
    [ ! -e case.mbs ] && [ ! -e case.mbs.new ] && [ ! -e results.db ]
}
