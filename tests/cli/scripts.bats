# Scripts: hooks and what is nearly one, whole numbers, what both engines of Lua understand, files beside a scenario.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }

small() { "$1" "$root/tests/sandbox/small.lua" -q "${@:2}"; }

# policy LINE...: write my.lua; refused: what both engines say of it.
policy() { printf '%s\n' "$@" >my.lua; }
refused() { # refused SENTENCE
    local engine
    for engine in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$engine" ] || continue
        run "$engine" check my.lua
        [ "$status" -eq 2 ] && says "mbsand: my.lua:$1" || return 1
        [[ $output != *traceback* ]] || return 1
    done
}
schedule='function P:schedule(replica, step) step:admit(self.sim.queue, 8) end'

@test "done is called once, at the end, and sees the final state" {
    policy 'local P = { n = 0 }' "$schedule" 'function P:finish() self.n = self.n + 1 end' \
        'function P:done()' '  local sim = self.sim' \
        '  print("done", self.n, sim.waiting, sim.running, #sim.queue, sim.replicas[1].kv.used, sim.now > 10)' \
        '  sim:observe("served", self.n)' 'end' 'return P'
    run small "$MBSAND" -p ./my.lua --out out --dump decisions
    [ "$status" -eq 0 ]
    says 'my: done 300 0 0 0 0 true'
    [ "$(grep -c "my: done" <<<"$output")" -eq 1 ]
    grep -q ',served,300$' out/decisions-my-1.csv
}

@test "done of a run that stops early sees what was left" {
    policy 'local P = {}' "$schedule" 'function P:done()' \
        '  print("left", self.sim.waiting + self.sim.running > 0, self.sim.now, self.sim.replicas[1].running)' 'end' 'return P'
    run small "$MBSAND" -p ./my.lua --set stop_time=5
    [ "$status" -eq 0 ]
    says 'my: left true 5 '
}

@test "a done that fails loses no result" {
    policy 'local P = {}' "$schedule" 'function P:done()' '  error("no luck")' 'end' 'return P'
    run small "$MBSAND" -p ./my.lua
    [ "$status" -eq 1 ]
    says 'warning: my failed with seed 1 in `done`, after the run, whose numbers stand: ./my.lua:4: no luck [in done, t ='
    grep -q '^my  *19.82' <<<"$output"
    run small "$MBSAND" -p ./my.lua --format csv
    [ "$status" -eq 1 ]
    grep -q '^my,.*,300,' <<<"$output"
    run small "$MBSAND" -p ./my.lua --format json
    [ "$status" -eq 1 ]
    grep -q 'no luck' <<<"$output"
    grep -q '"seeds_finished": *1' <<<"$output"
    ! grep -q '"seeds_finished": *0' <<<"$output"
}

@test "done has a time limit, and cannot change what is over" {
    policy 'local P = {}' "$schedule" 'function P:done() while true do end end' 'return P'
    run small "$MBSAND" -p ./my.lua --hook-instructions 100000 --hook-seconds 60
    [ "$status" -eq 1 ]
    says 'done used more than 100000 instructions (limits.hook_instructions)'
    policy 'local P = {}' "$schedule" 'function P:done() self.sim:after(1, function() end) end' 'return P'
    run small "$MBSAND" -p ./my.lua
    says "my.lua:3: sim:after: the run has ended; the hook 'done' can only look back"
    policy 'local P = {}' "$schedule" 'function P:done() self.sim:every(1, function() end) end' 'return P'
    run small "$MBSAND" -p ./my.lua
    says "my.lua:3: sim:every: the run has ended"
    policy 'local P = {}' "$schedule" 'function P:done() self.sim:reject(self.sim.queue:peek()) end' 'return P'
    run small "$MBSAND" -p ./my.lua --set stop_time=1 --set cluster.gpus=1
    says "my.lua:3: sim:reject: the run has ended"
}

@test "done is not called when a run fails" {
    policy 'local P = {}' 'function P:schedule() error("at once") end' 'function P:done() print("called") end' 'return P'
    run small "$MBSAND" -p ./my.lua
    [ "$status" -eq 1 ]
    [[ $output != *called* ]]
}

looks_like() { # looks_like NAME SENTENCE
    policy 'local P = {}' "$schedule" "function P:$1() end" 'return P'
    refused " there is no hook '$1'; $2"
}

@test "functions that look like hooks, and are none" {
    looks_like setup "what it would do belongs into 'init'."
    looks_like on_arrival "what it would do belongs into 'arrive'."
    looks_like on_simulation_end "what it would do belongs into 'done'."
    looks_like thread_done "what it would do belongs into 'done'."
    looks_like response "what it would do belongs into 'finish'."
    looks_like on_batch_end "what it would do belongs into 'stepped'."
    looks_like get_next_batch "what it would do belongs into 'schedule'."
    looks_like delay 'set timers with sim:after and sim:every.'
    looks_like on_whatever 'there are init, arrive, schedule, stepped, finish and done.'
    looks_like dnoe "did you mean 'done'?"
    looks_like intit "did you mean 'init'?"
}

@test "a function that the policy calls itself may have any name" {
    policy 'local P = {}' 'function P:schedule(replica, step) self:dispatch(step) end' \
        'function P:dispatch(step) step:admit(self.sim.queue, 8) end' 'return P'
    run "$MBSAND" check my.lua
    [ "$status" -eq 0 ]
}

@test "whole numbers are integers, wherever they come from" {
    policy 'local P = { params = { a = 4, b = 4.0, list = { 1.0, 2, 2.5 }, share = 0.5 } }' \
        'function P:init()' '  local p, sim = self.params, self.sim' \
        '  local bins = sim:bins{ edges = { 64.0, 256 } }' \
        '  local kv = sim.replicas[1].kv' \
        '  print("[" .. p.a .. p.b .. p.list[1] .. p.list[2] .. p.share .. "|" .. bins.edges[1] .. "|" .. kv.capacity ..' \
        '    "|" .. kv.free .. "|" .. sim.waiting .. "|" .. sim:sample()[1] .. "]")' 'end' \
        'function P:schedule(replica, step)' '  step:admit(self.sim.queue, 8)' \
        '  if not self.told then print("<" .. step.tokens .. "|" .. step.requests .. "|" .. self.sim.waiting .. ">") end' \
        '  self.told = true' 'end' \
        'function P:stepped(replica, step)' \
        '  if not self.said then print("{" .. step.prefill_tokens .. "|" .. step.decode_tokens .. "|" .. step.count .. "}") end' \
        '  self.said = true' 'end' 'return P'
    local given
    for given in '' ,a=4,b=4 ,a=4.0,b=4e0,list=1,2,share=0.5 ,a=0x4; do
        [ "$given" != ,a=0x4 ] || continue
        run small "$MBSAND" -p "./my.lua$given"
        says "my: [44120.5|64|2000|2000|0|"
        [[ ! $output =~ \<[^\>]*\.[^\>]*\> && ! $output =~ \{[^}]*\.[^}]*\} ]] || { echo "$output"; return 1; }
    done
    run small "$MBSAND" -p ./my.lua --set params.a=4 --set params.b=4
    says "my: [44120.5|"
}

@test "whole numbers that a scenario gives, sweeps or measures are integers" {
    cat >s.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = 10, output = 5, limit = 10 },
  cluster = { gpus = 1 }, seeds = 1,
  latency = latency.custom(function(step)
    if not TOLD then print("(" .. step.tokens .. step.requests .. step.chunks[1].tokens .. step.context .. ")") end
    TOLD = true
    return 0.01
  end),
  policies = { { "my.lua", a = 4.0 } },
  over = { "params.b", { 4, 8.0 } },
  report = function(rows)
    for _, row in ipairs(rows) do print(row.policy, "<" .. row.mean.finished .. "|" .. row.seeds .. ">") end
  end,
}
END
    policy 'local P = { params = { a = 1, b = 1 } }' \
        'function P:schedule(_, step) step:carry() step:admit(self.sim.queue) end' \
        'function P:done() print("[" .. self.params.a .. self.params.b .. "]") end' 'return P'
    sed -i 's/TOLD/_G.TOLD/' s.lua
    run "$MBSAND" s.lua -q -j 1
    [ "$status" -eq 0 ]
    says 'my: [44]'
    says 'my: [48]'
    says '(101100)' || says '(1011'
    says '<10|1>'
}

@test "what only Lua 5.4 understands is refused by both engines" {
    lua_line() { policy 'local P = {}' "$schedule" "$1" 'return P'; }
    lua_line 'local x = 7 // 2'; refused "3: '//' is of Lua 5.3 and later; write math.floor(a / b). Policies run on Lua 5.4 and on LuaJIT"
    lua_line 'local x = 7 & 2'; refused "3: '&' is of Lua 5.3 and later"
    lua_line 'local x = 7 | 2'; refused "3: '|' is of Lua 5.3 and later"
    lua_line 'local x = ~7'; refused "3: '~' is of Lua 5.3 and later"
    lua_line 'local x = 7 << 2'; refused "3: '<<' is of Lua 5.3 and later"
    lua_line 'local x = 7 >> 2'; refused "3: '>>' is of Lua 5.3 and later"
    lua_line 'local x <const> = 7'; refused "3: '<const>' and '<close>' are of Lua 5.4; leave them out"
    lua_line 'local y, x <close> = 7'; refused "3: '<const>' and '<close>' are of Lua 5.4"
    lua_line 'do ; end'; refused "3: a ';' with no statement before it is of Lua 5.2 and later"
    lua_line 'local x = 9007199254740993'; refused '3: 9007199254740993 is above 2^53, where Lua 5.4 and LuaJIT count differently'
}

@test "what only LuaJIT understands is refused by both engines" {
    lua_line() { policy 'local P = {}' "$schedule" "$1" 'return P'; }
    lua_line 'local x = 10LL'; refused '3: 10LL is a number of LuaJIT alone; write it in decimal'
    lua_line 'local x = 2i'; refused '3: 2i is a number of LuaJIT alone'
    lua_line 'local x = 0b101'; refused '3: 0b101 is a number of LuaJIT alone'
}

@test "texts and comments may hold anything, and what both engines know passes" {
    policy 'local P = { x = "a // b & c", y = [==[ // ]] ]==], z = '"'"'\'"'"' | //'"'"' } -- 7 // 2' '--[[ 7 // 2' '& ]] ' \
        'local z = "\z' '  // \' '& \z ' '' '  |"' \
        "$schedule" 'local a, b = 1 ~= 2, 0x10 < 3 and 4 > 1; local c = 1e300' \
        'for i = 1, 3 do if i == 2 then goto continue end b = i; ::continue:: end' 'return P'
    local engine
    for engine in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$engine" ] || continue
        run "$engine" check my.lua
        [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    done
}

@test "a module and a bin rule are read by the same rules" {
    policy 'local m = require "m"' 'local P = {}' "$schedule" 'return P'
    echo 'return { x = 7 // 2 }' >m.lua
    run "$MBSAND" check my.lua
    [ "$status" -eq 2 ]
    says "./m.lua:1: '//' is of Lua 5.3"
}

@test "both engines turn numbers into the same texts, and answer alike" {
    policy 'local P = {}' "$schedule" 'function P:done()' \
        '  print(4.0, 8 / 2, 2^53, 1e15, -0.0, 0/0, 1/0, 0.1, string.format("%d %s %5s", 4.0, 8 / 2, 3.0))' \
        '  print(table.concat({ 4.0, 2.5, "x", 1 }, ","), table.concat({}), table.concat({ 1, 2, 3 }, "-", 2, 3))' \
        '  print(tonumber("inf"), tonumber("0b11"), tonumber("nan"), tonumber("11", 2), tonumber(" 0x10 "), tonumber("1e1"))' \
        '  print(string.format("%.17g %.17g", math.log(3, 7), math.atan(1, -1)), math.log(8, 2), math.log(1000, 10))' \
        '  local t = { 1, 2, 3 } print(table.remove(t, 1), table.remove(t), table.remove(t, 2), #t, table.remove({}))' \
        'end' 'return P'
    run small "$MBSAND" -p ./my.lua
    says 'my: 4 4 9007199254740992 1000000000000000 0 nan inf 0.1 4 4 3'
    says 'my: 4,2.5,x,1 2-3'
    says 'my: nil nil nil 3 16 10'
    says 'my: 0.56457503405357967 2.3561944901923448 3 3'
    says 'my: 1 3 nil 1 nil'
    local plain=$output
    [ -x "$MBSAND_LUAJIT" ] || skip "there is no $MBSAND_LUAJIT"
    run small "$MBSAND_LUAJIT" -p ./my.lua
    [ "$(grep '^my: ' <<<"$output")" = "$(grep '^my: ' <<<"$plain")" ]
}

@test "both engines walk through bins" {
    policy 'local P = {}' 'function P:init()' '  local bins = self.sim:bins{ edges = { 64, 256 } }' \
        '  for i, bin in ipairs(bins) do print("bin", i, bin == bins[i], #bins) end' \
        '  for i in ipairs({ 7, 8 }) do print("place", i) end' 'end' "$schedule" 'return P'
    local engine
    for engine in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$engine" ] || continue
        run small "$engine" -p ./my.lua
        says 'my: bin 1 true 3 my: bin 2 true 3 my: bin 3 true 3 my: place 1 my: place 2'
    done
}

@test "a fraction as %d, and a place far outside, are errors on both engines" {
    local engine
    for engine in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$engine" ] || continue
        policy 'local P = {}' "$schedule" 'function P:done() print(string.format("%d", 4.5)) end' 'return P'
        run small "$engine" -p ./my.lua
        says "./my.lua:3: format: '%d' needs a whole number, and got 4.5; write math.floor(x), or %.0f"
        policy 'local P = {}' "$schedule" 'function P:done() table.remove({ 1 }, 7) end' 'return P'
        run small "$engine" -p ./my.lua
        says "./my.lua:3: remove: the place must be a whole number from 1 to 2, one behind the end"
        policy 'local P = {}' "$schedule" 'function P:done() table.concat({ 1, {} }) end' 'return P'
        run small "$engine" -p ./my.lua
        says "./my.lua:3: concat: value 2 is a table; expected a text or a number"
    done
}

write_scenario() { # write_scenario FIRST-LINE POLICY
    cat >sub/s.lua <<END
$1
return scenario { workload = synthetic { arrivals = w.arrivals, prompt = 10, output = 5, limit = 10 },
  cluster = { gpus = 1 }, latency = latency.step{ base = 0.01 }, policies = { "$2" }, seeds = 1 }
END
}

@test "files beside a scenario: modules that use its words, and policies" {
    mkdir sub
    echo 'return { arrivals = arrivals.poisson{ rate = 1 }, where = locate("w.lua") }' >sub/w.lua
    cp "$root/policies/fcfs.lua" sub/mine.lua
    local how
    for how in 'local w = require "w"' 'local w = dofile "w.lua"' 'local w = assert(loadfile "w.lua")()'; do
        write_scenario "$how" mine.lua
        run "$MBSAND" sub/s.lua -q
        [ "$status" -eq 0 ] || { echo "$output"; return 1; }
        grep -q '^mine ' <<<"$output"
        [ -x "$MBSAND_LUAJIT" ] || continue
        run "$MBSAND_LUAJIT" sub/s.lua -q
        [ "$status" -eq 0 ]
    done
    policy 'local P = {}' "$schedule" 'return P'   # the current folder comes first
    mv my.lua mine.lua
    run "$MBSAND" sub/s.lua -q --format json
    grep -q '"path": *"mine.lua"' <<<"$output"
    rm mine.lua
    run "$MBSAND" sub/s.lua -q -p mine.lua
    [ "$status" -eq 2 ]
    says 'mbsand: --policy mine.lua: there is no policy "mine.lua": No such file or directory'
    write_scenario 'local w = require "w"' nix.lua
    run "$MBSAND" sub/s.lua -q
    [ "$status" -eq 2 ]
    says 'mbsand: sub/s.lua:3: there is no policy "nix.lua": neither in the current folder nor in sub'
}

@test "an unknown word, in a scenario and in a module, is one sentence" {
    mkdir sub
    echo 'return { arrivals = arivals.poisson{ rate = 1 } }' >sub/w.lua
    write_scenario 'local w = require "w"' fcfs
    run "$MBSAND" sub/s.lua
    [ "$status" -eq 2 ]
    [ "$output" = 'mbsand: sub/w.lua:1: there is no "arivals" in a scenario; did you mean "arrivals"?' ]
    echo 'return { arrivals = arrivals.poison{ rate = 1 }, other = some_global }' >sub/w.lua
    run "$MBSAND" sub/s.lua
    [ "${#lines[@]}" -eq 1 ]
    says 'mbsand: sub/w.lua:1: there is no arrivals.poison; did you mean "poisson"?'
    write_scenario 'local w = { arrivals = arrivals.poisson{ rate = 1 } } latincy = latencie.step' fcfs
    run "$MBSAND" sub/s.lua
    [ "$output" = 'mbsand: sub/s.lua:1: there is no "latencie" in a scenario; did you mean "latency"?' ]
    write_scenario 'plan{ model = "nothing" }' fcfs
    run "$MBSAND" sub/s.lua
    [ "$output" = 'mbsand: sub/s.lua:1: plan: plan needs a model and a gpu' ]
}

@test "what a policy sees when it sets what cannot be set, or gives what is not expected" {
    on() { # on LINE SENTENCE: LINE in schedule, under continuous batching
        policy 'local P = {}' 'function P:schedule(replica, step)' "$1" 'end' 'return P'
        run "$MBSAND" continuous_burst --only fcfs -p ./my.lua -q --seeds 1 --set workload.limit=20
        [ "$status" -eq 1 ]
        says "./my.lua:3: $2"
    }
    on 'replica.running = 3' 'replica.running cannot be set; max_requests, token_budget, chunked, reserve, watermark and role can'
    on 'replica.running = "x"' 'replica.running cannot be set; max_requests'
    on 'replica.anything = {}' 'replica.anything cannot be set; max_requests'
    on 'replica[1] = 2' 'replica.number cannot be set; max_requests'
    on 'replica.max_requests = "many"' 'replica.max_requests must be a number, not string'
    on 'replica.chunked = 1' 'replica.chunked must be a boolean, not number'
    on 'replica.reserve = true' 'replica.reserve must be a string, not boolean'
    on 'self.sim[1] = 2' 'sim.number cannot be set'
    on 'self.sim:bins{ key = {}, edges = { 1 } }' 'bins: key = a table is unknown; expected "predicted_output"'
    on 'self.sim:bins{ key = "mood", edges = { 1 } }' 'bins: key = "mood" is unknown; expected "predicted_output"'
    on 'self.sim:bins{ edge = { 1 } }' "bins: there is no option 'edge'; did you mean 'edges'?"
    on 'self.sim:bins{ rule = function() end, count = 2 }' "bins: the rule is a function; expected a bundled rule's name or a file's"
    on 'self.sim:bins{ rule = "equal_mass", count = "x" }' 'bins: count must be a whole number from 1 to 4096'
    on 'self.sim:queue{ by = {} }' 'queue: by = a table is unknown; expected a function(req), "arrival"'
    on 'self.sim:queue{ by = "mood" }' 'queue: by = "mood" is unknown; expected a function(req)'
    on 'self.sim:queue{ key = "priority" }' "queue: there is no option 'key'; expected by, of and age"
    on 'return #self.sim.queue.size' "a queue has no field 'size'; how many are in it is # before its name, as in #self.sim.queue"
    on 'replica:estimate{ prefill = "x" }' 'estimate: prefill is a number of tokens of at least 0'
    on 'step:add(self.sim.queue:peek(), 2.5)' 'step:add: the tokens must be a whole number of at least 1'
    on 'step:add(self.sim.queue:peek(), 0)' 'step:add: the tokens must be a whole number of at least 1'
}

@test "a decode computes one token a step, and says so when asked for more" {
    policy 'local P = {}' 'function P:schedule(replica, step)' '  for req in replica:each_running() do' \
        '    if req:generated() > 0 then step:add(req, self.n or 1) self.n = 5 else step:add(req) end' '  end' \
        '  step:admit(self.sim.queue)' '  step:quantum(1)' 'end' 'return P'
    run "$MBSAND" continuous_burst --only fcfs -p ./my.lua -q --seeds 1 --set workload.limit=20
    [ "$status" -eq 1 ]
    says './my.lua:4: step:add: the request decodes, and a decode computes one token in a step, not 5; leave the tokens out'
}

@test "--only runs some of a scenario's policies" {
    sed 's/policies = { "static_fifo" }/policies = { "static_fifo", "dynamic_no_bins", "multi_bin_dynamic" }/' \
        "$root/tests/sandbox/small.lua" >s.lua
    run "$MBSAND" s.lua -q --only static_fifo,multi_bin_dynamic
    [ "$status" -eq 0 ]
    grep -q '^static_fifo ' <<<"$output" && grep -q '^multi_bin_dynamic ' <<<"$output" && ! grep -q '^dynamic_no_bins ' <<<"$output"
    run "$MBSAND" s.lua -q --only static_fifo -p sjf
    grep -q '^static_fifo ' <<<"$output" && grep -q '^sjf ' <<<"$output" && ! grep -q '^multi_bin_dynamic ' <<<"$output"
    sed -i 's/"dynamic_no_bins",/{ "static_fifo", batch_size = 3, label = "threes" },/' s.lua # a label goes before a name
    run "$MBSAND" s.lua -q --only static_fifo
    grep -q '^static_fifo ' <<<"$output" && ! grep -q '^threes ' <<<"$output"
    run "$MBSAND" s.lua -q --only static_fifa
    [ "$status" -eq 2 ]
    [ "$output" = 'mbsand: --only static_fifa: the scenario has no policy "static_fifa"; did you mean "static_fifo"? (it has: multi_bin_dynamic, static_fifo, threes)' ]
    run "$MBSAND" s.lua -q --only static_fifo,
    [ "$status" -eq 2 ]
    run "$MBSAND" s.lua -q --set policies=static_fifo
    [ "$status" -eq 2 ]
    says '--set policies=static_fifo: policies cannot be set so; use --policy NAME to add one, --only NAME to run some'
}

@test "--only knows labels with commas, and leaves out sections that have none of them" {
    cat >s.lua <<'END'
local function one(title, policies)
  return scenario { title = title, workload = synthetic { arrivals = arrivals.poisson{ rate = 1 }, prompt = 10, output = 5, limit = 10 },
    cluster = { gpus = 1 }, latency = latency.step{ base = 0.01 }, policies = policies, seeds = 1,
    report = function() print("own report") end }
end
return { one("first", { "fcfs", { "sjf", label = "a,b" } }), one("second", { "srpt" }) }
END
    run "$MBSAND" s.lua -q --only a,b
    [ "$status" -eq 0 ]
    grep -q '^a,b ' <<<"$output" && ! grep -q 'fcfs\|second\|own report' <<<"$output"
    run "$MBSAND" s.lua -q --only srpt,fcfs
    grep -q '^srpt ' <<<"$output" && grep -q '^fcfs ' <<<"$output"
    run "$MBSAND" s.lua -q
    grep -q 'own report' <<<"$output"
    # A policy of the command line that the report does not print is in a table below it.
    run "$MBSAND" s.lua -q --only srpt -p hrrn
    ! grep -q 'own report' <<<"$output"
    run "$MBSAND" s.lua -q -p hrrn
    [ "$(grep -c "^The scenario's own report leaves out hrrn. As a table:" <<<"$output")" -eq 2 ]
    [ "$(grep -c '^hrrn ' <<<"$output")" -eq 2 ] && [ "$(grep -c '^own report' <<<"$output")" -eq 2 ]
    sed -i 's/print("own report")/print("own report of hrrn")/' s.lua
    run "$MBSAND" s.lua -q -p hrrn
    ! grep -q "leaves out\|^hrrn " <<<"$output"
    sed -i 's/function() print("own report of hrrn")/function() error("who is that?")/' s.lua
    run "$MBSAND" s.lua -q -p hrrn
    [ "$status" -eq 2 ]
    says "who is that?"
    grep -q '^hrrn ' <<<"$output"
}

@test "--set reaches into what constructors made, and into lists" {
    cp "$root/data/qwen3_1_7b_latency_grid.csv" other.csv
    cat >s.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson{ rate = 1 }, output = 5, limit = 10,
    classes = { { name = "x", share = 1, prompt = lengths.uniform(1, 9) }, { name = "y", share = 1, prompt = 10 } } },
  cluster = { gpus = 1 }, latency = latency.table "nowhere.csv", policies = { "static_fifo" }, seeds = 1,
}
END
    run "$MBSAND" s.lua -q
    [ "$status" -eq 2 ]
    says 'there is no file "nowhere.csv"'
    run "$MBSAND" s.lua -q --set latency.path=other.csv
    [ "$status" -eq 0 ]
    says 'table of'
    run "$MBSAND" s.lua -q --set latency.path=other.csv --set workload.classes.2.share=3 --set workload.classes.1.prompt.high=99
    [ "$status" -eq 0 ]
    run "$MBSAND" s.lua -q --set latency.path=other.csv --set workload.classes.2.share=-3
    says '--set workload.classes.2.share=-3: workload.classes[2].share is -3; expected a number above 0'
    run "$MBSAND" s.lua -q --set latency.path=other.csv --set workload.classes.1.prompt.mean=99
    [ "$status" -eq 2 ]
    says 'lengths.uniform has no key "mean"'
}

@test "a fixed time between tokens is what everybody is told" {
    policy 'local P = {}' "$schedule" 'function P:stepped(_, step) self.tbt = step.tbt end' \
        'function P:done() print("tbt", self.tbt) end' 'return P'
    run small "$MBSAND" -p ./my.lua --set latency.tbt=0.0125 --set latency.noise=0.1
    [ "$status" -eq 0 ]
    says 'my: tbt 0.0125'
    says 'seen as a token every 12.5 ms with noise 0.1'
    run small "$MBSAND" --set latency.tbt=0.0125 --format csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 { exit !($at["tbt_violation"] == 1 && $at["itl_max_s"] == 0.0125) }' <<<"$output"
    local slow=$output
    run small "$MBSAND" --format csv # all else is equal
    [ "$(cut -d, -f1-8 <<<"$output")" = "$(cut -d, -f1-8 <<<"$slow")" ]
    run small "$MBSAND" --set latency.tbt=0
    [ "$status" -eq 2 ]
    says 'latency.tbt is 0; expected a number above 0 (seconds between tokens)'
}

@test "who was in each batch: the members add up to the batches and the requests" {
    "$MBSAND" memory_pressure -q --seeds 1 --out jump --dump batches,preemptions,requests >/dev/null
    "$MBSAND" memory_pressure -q --seeds 1 --out step --step --dump batches,preemptions,requests >/dev/null
    small "$MBSAND" --out jump --dump members,batches,requests >/dev/null
    small "$MBSAND" --out step --dump members,batches,requests >/dev/null
    local file
    for file in jump/*.csv; do
        case $file in *summary*) continue ;; esac
        cmp "$file" "step/${file#*/}" || return 1
    done
    lua5.4 - jump <<'END'
local function rows(path)
  local list, names = {}, nil
  for line in io.lines(path) do
    local fields = {}
    for field in (line .. ","):gmatch("([^,]*),") do fields[#fields + 1] = field end
    if not names then names = fields else
      local row = {}
      for i, name in ipairs(names) do row[name] = tonumber(fields[i]) or fields[i] end
      list[#list + 1] = row
    end
  end
  return list
end
local files, preempted = 0, 0
for path in io.popen("ls " .. arg[1] .. "/*members-*.csv"):lines() do
  files = files + 1
  local tokens, count, output, prompt = {}, {}, {}, {}
  for _, m in ipairs(rows(path)) do
    tokens[m.batch] = (tokens[m.batch] or 0) + m.prompt_tokens + m.output_tokens
    count[m.batch] = (count[m.batch] or 0) + 1
    output[m.request] = (output[m.request] or 0) + m.output_tokens
    prompt[m.request] = (prompt[m.request] or 0) + m.prompt_tokens
  end
  for _, b in ipairs(rows((path:gsub("members", "batches")))) do
    assert(count[b.batch] == b.requests, path .. ": requests of batch " .. b.batch)
    assert(tokens[b.batch] == b.useful_tokens, path .. ": tokens of batch " .. b.batch)
  end
  local lost, times = {}, {}
  local file = io.open((path:gsub("members", "preemptions")))
  for _, p in ipairs(file and rows((path:gsub("members", "preemptions"))) or {}) do
    lost[p.request], times[p.request] = (lost[p.request] or 0) + p.lost_tokens, (times[p.request] or 0) + 1
    assert(p.how ~= "recompute" or p.lost_tokens == p.computed_tokens)
    preempted = preempted + 1
  end
  for _, r in ipairs(rows((path:gsub("members", "requests")))) do
    assert((times[r.id] or 0) == r.preemptions, path .. ": preemptions of " .. r.id)
    if r.why == "done" and not file then -- whole batches
      assert(prompt[r.id] == r.prompt_tokens and output[r.id] == r.output_tokens, path .. ": request " .. r.id)
    elseif r.why == "done" and r.preemptions == 0 then -- the last chunk of a prompt emits the first token
      assert(output[r.id] == r.output_tokens - 1, path .. ": answer of " .. r.id)
      assert(prompt[r.id] <= r.prompt_tokens, path .. ": prompt of " .. r.id)
    end
  end
end
assert(files > 2 and preempted > 0, "nothing was looked at")
END
}

@test "the manifest has every module and bin rule, with its hash" {
    mkdir sub
    echo 'return { n = 8 }' >sub/extra.lua
    echo 'return { rate = 1 }' >sub/common.lua
    cat >sub/rule.lua <<'END'
return function(lengths, k) local e = {} for i = 1, k - 1 do e[i] = i * 10 end return e end
END
    printf '%s\n' 'local extra = require "extra"' 'local P = {}' \
        'function P:init() self.bins = self.sim:bins{ rule = "./rule.lua", count = 2 } self.sim.inbox = self.bins require "mbsand.ewma" end' \
        'function P:schedule(_, step) local i = self.bins:next(0) if i then step:admit(self.bins[i], extra.n) end end' \
        'return P' >sub/p.lua
    cat >sub/s.lua <<'END'
local c = require "common"
return scenario { workload = synthetic { arrivals = arrivals.poisson{ rate = c.rate }, prompt = 10, output = 5, limit = 100 },
  cluster = { gpus = 1 }, latency = latency.batch{ alpha = 0.1, beta = 0.001, gamma = 0 }, policies = { "p.lua" }, seeds = 2 }
END
    "$MBSAND" sub/s.lua -q --format json >out.json
    local file
    for file in sub/extra.lua sub/common.lua sub/rule.lua "$root/lua/mbsand/ewma.lua"; do
        grep -q "$(sha256sum "$file" | cut -d' ' -f1)" out.json || { echo "not in the manifest: $file"; return 1; }
    done
    [ "$(grep -o '"path": *"[^"]*extra.lua"' out.json | wc -l)" -eq 1 ]
}

@test "latency.custom: a mistake says which step, and the script runs once per thread" {
    cat >s.lua <<'END'
io.stderr:write("read\n")
return scenario { workload = synthetic { arrivals = arrivals.poisson{ rate = 5 }, prompt = 10, output = 5, limit = 50 },
  cluster = { gpus = 1 }, seeds = 6, policies = { "fcfs", "sjf" },
  latency = latency.custom(function(step)
    if step.context > LIMIT then return step.no.such end
    return 0.05
  end) }
END
    sed 's/LIMIT/40/' s.lua >bad.lua
    run "$MBSAND" bad.lua -q --jobs 1 --seeds 1 --only fcfs
    [ "$status" -eq 1 ]
    says 'bad.lua:5: attempt to index a nil value'
    says '[timing a step on replica 1, t = 4.94604 s: 0 tokens of 0 prompts, 4 decodes that read 52 tokens, seed 42, replication 0]'
    sed 's/LIMIT/1e9/' s.lua >good.lua
    run "$MBSAND" good.lua -q --jobs 1
    [ "$status" -eq 0 ]
    [ "$(grep -c '^read$' <<<"$output")" -eq 2 ]
    "$MBSAND" good.lua -q --jobs 1 --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//' >one.csv
    "$MBSAND" good.lua -q --jobs 4 --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//' >four.csv
    cmp one.csv four.csv
    sed 's/step.no.such/-1/; s/LIMIT/40/' s.lua >bad.lua
    run "$MBSAND" bad.lua -q --jobs 1 --seeds 1 --only fcfs
    [ "$status" -eq 1 ]
    says 'returned -1 [timing a step on replica 1, t = '
}

@test "shares and large numbers are written without an exponent" {
    policy 'local P = {}' 'function P:schedule(replica, step)' \
        '  if self.sim.arrivals_ended then step:admit(self.sim.queue, 8) end' 'end' 'return P'
    run small "$MBSAND" -p ./my.lua --set workload.arrivals.rate=0.1
    says 'left replicas idle for '
    [[ ! $output =~ [0-9]e\+ ]] || { echo "$output"; return 1; }
    run "$MBSAND" continuous_burst -q --seeds 1 --set workload.limit=50 --only fcfs --set latency.per_context=1e-5
    says '+ 10000 ns K'
}

@test "a scenario's modules are regular files, read once for all threads" {
    mkdir -p mine
    printf '#!/usr/bin/lua\nlocal name, path = ...\nreturn { rate = 1, name = name, path = path, line = debug.getinfo(1).currentline }\n' \
        >mine/helper.lua
    printf '\xef\xbb\xbfgiven = 5\nreturn given\n' >mine/given.lua
    cat >s.lua <<'END'
local helper, own = require "mine.helper", {}
assert(helper == require "mine.helper" and helper.name == "mine.helper" and helper.line == 3)
assert(helper.path == nil or helper.path == "./mine/helper.lua") -- LuaJIT gives the name alone
assert(dofile "mine/helper.lua".rate == 1 and loadfile("mine/given.lua", "t", own)() == 5 and own.given == 5)
local chunk, sentence = loadfile "mine/none.lua"
assert(chunk == nil and sentence == "mine/none.lua: cannot be read: No such file or directory", sentence)
assert(select(2, pcall(dofile, "pipe")) == "pipe: is a pipe; expected a file")
assert(select(2, pcall(require, "mine.wrong")):find "error loading module 'mine.wrong' from file './mine/wrong.lua'")
assert(select(2, pcall(require, "mine.none")):find "\n\tno file './mine/none.lua'\n")
assert(package.searchpath("mine.helper", package.path) == "./mine/helper.lua")
return scenario { policies = { "fcfs" }, cluster = { kv_blocks = 100 }, slo = {}, seeds = 4,
  workload = synthetic { arrivals = arrivals.poisson { rate = helper.rate }, prompt = 5, output = 5, limit = 5 },
  latency = latency.custom(function() return 0.001 * helper.rate end) }
END
    echo 'return {' >mine/wrong.lua
    mkfifo pipe
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$binary" ] || continue
        run timeout 60 "$binary" s.lua --quiet --jobs 4 --format json
        [ "$status" -eq 0 ] || { echo "$output"; return 1; }
        jq -e '.manifest.modules | any(.path == "./mine/helper.lua" and (.text | startswith("#!")))' <<<"$output"
    done
    command -v strace >/dev/null || return 0
    strace -f -e trace=openat -o calls "$MBSAND" s.lua --quiet --jobs 4 >table
    [ "$(grep -c '"./mine/helper.lua"' calls)" -eq 1 ]
    [ "$(grep -c 'mbsand/schema.lua' calls)" -eq 1 ]
}
