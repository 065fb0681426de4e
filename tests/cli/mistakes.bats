# What people who write their first policy get wrong, and the sentence that each mistake earns.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return; }

small() { "$MBSAND" "$root/tests/sandbox/small.lua" --jobs 1 "$@"; }

# policy LINE...: write my.lua and run it beside static_fifo.
policy() {
    printf '%s\n' "$@" >my.lua
    run small -p ./my.lua
}

# schedule LINE: the same, with the line as the body of `schedule`.
schedule() { policy 'local P = {}' 'function P:schedule(replica, step)' "$1" 'end' 'return P'; }

# Exit code, the sentence, and the other policy's row.
ends() { # ends CODE SENTENCE
    [ "$status" -eq "$1" ] || { echo "exit code $status: $output"; return 1; }
    says "$2"
    says "static_fifo 19.82"
}

# A parameter that a policy does not take: nothing is run.
refused() { # refused SENTENCE
    [ "$status" -eq 2 ] || { echo "exit code $status: $output"; return 1; }
    says "$1"
    [[ $output != *static_fifo\ \ * ]]
}

# A script that does not load: told before the first run, and the others run.
unloaded() { # unloaded SENTENCE
    ends 2 "$1"
    says "mbsand: warning: my does not load, the other policies run: "
    [[ $output == "mbsand: warning: my does not load"* ]]
}

@test "a typo in the name of a hook" {
    policy 'local P = {}' 'function P:shedule(replica, step) end' 'return P'
    unloaded "./my.lua: there is no hook 'shedule'; did you mean 'schedule'?"
    policy 'local P = {}' 'function P:schedule(replica, step) end' 'function P:arive(req) end' 'return P'
    unloaded "./my.lua: there is no hook 'arive'; did you mean 'arrive'?"
}

@test "a function of one's own is no hook" {
    policy 'local P = {}' 'function P:schedule(replica, step) self:limit() step:admit(self.sim.queue, 8) end' \
        'function P:limit() end' 'function P:note() end' 'return P'
    [ "$status" -eq 0 ]
}

@test "no schedule at all" {
    policy 'return {}'
    unloaded "./my.lua: the policy has no hook 'schedule'; write function Policy:schedule(replica, step) ... end"
}

# Policy:init says this of every replica.
plain_steps() { # plain_steps ARGUMENTS [more lines]
    local said=$1
    shift
    policy 'local P = {}' "function P:init() for _, replica in ipairs(self.sim.replicas) do replica:plain($said) end end" \
        "$@" 'return P'
}

@test "a plain step" {
    plain_steps '{ queue = self.sim.queue }'
    [ "$status" -eq 0 ]
    plain_steps ''
    ends 1 "./my.lua:2: replica:plain: expected { queue = ... }, or false to be asked again, not no value"
    plain_steps '{ qeue = self.sim.queue }'
    ends 1 "./my.lua:2: replica:plain: there is no option 'qeue'; did you mean 'queue'?"
    plain_steps '{ most = 3 }'
    ends 1 "./my.lua:2: replica:plain: which queue does it admit from? queue = ... is missing"
    plain_steps '{ queue = self.sim.queue, most = "all" }'
    ends 1 "./my.lua:2: replica:plain: expected a number of requests, not string"
    plain_steps '{ queue = self.sim.queue, after_preemption = 1 }'
    ends 1 "./my.lua:2: replica:plain: after_preemption is true or false, not number"
    plain_steps '{ queue = self.sim.queue, carry = 2 }'
    ends 1 './my.lua:2: replica:plain: what a decode must find free is "needed"'
    plain_steps '{ queue = self.sim.queue, displace = "newest" }'
    ends 1 "./my.lua:2: replica:plain: who runs makes room by the order of the queue, which must be one of the named ones"
    plain_steps '{ queue = self.sim.queue, displace = true }'
    ends 1 './my.lua:2: replica:plain: of equals the "newest" makes room, or the "oldest", not "boolean"'
    plain_steps '{ queue = self.sim.queue, age = 0.5 }'
    ends 1 "./my.lua:2: replica:plain: age needs displace beside it"
    plain_steps '{ queue = self.sim:queue{ by = "priority" }, displace = "oldest", age = -1 }'
    ends 1 "./my.lua:2: replica:plain: the age is a share of the predicted output, at least 0"
}

@test "a route" {
    route() { # route RULE [more lines]
        local rule=$1
        shift
        policy 'local P = {}' "function P:init() self.sim:route($rule) end" \
            'function P:schedule(replica, step) step:admit(replica.queue) end' "$@" 'return P'
    }
    route '"turns"'
    [ "$status" -eq 0 ]
    route '"turns"' 'function P:arrive() error("asked") end'
    [ "$status" -eq 0 ]
    route '"turns"' 'function P:finish() self.sim:route(false) end' 'function P:arrive() error("asked", 0) end'
    ends 1 "asked"
    route '"trun"'
    ends 1 './my.lua:2: sim:route: arrivals go to the replica with the least "load", "running" or "waiting", in "turns", to a "random" one or the less loaded of "two" drawn at random, and false takes it back; not "trun"'
    route ''
    ends 1 './my.lua:2: sim:route: arrivals go to the replica with the least "load", "running" or "waiting", in "turns", to a "random" one or the less loaded of "two" drawn at random, and false takes it back; not "no value"'
}

@test "running requests make room by an order that has a name" {
    policy 'local P = {}' 'function P:schedule(_, step) step:displace(self.sim.queue) end' 'return P'
    ends 1 "./my.lua:2: step:displace: who runs makes room by the order of the queue"
}

@test "no schedule, and not every replica has a plain step" {
    policy 'local P = {}' 'function P:init() self.sim.replicas[1]:plain{ queue = self.sim.queue } end' 'return P'
    ends 1 "./my.lua: the policy has no hook 'schedule', and after 'init' replica 2 has no plain step; give it one with replica:plain{ queue = ... }, or write function Policy:schedule(replica, step) ... end"
    plain_steps '{ queue = self.sim.queue }' 'function P:finish() self.sim.replicas[1]:plain(false) end'
    ends 1 "./my.lua:3: replica:plain(false): the policy has no hook 'schedule' to be asked instead"
}

@test "a hook that is no function" {
    policy 'return { schedule = 3 }'
    unloaded "./my.lua: 'schedule' is a hook and must be a function, not number"
}

@test "a missing comma" {
    policy 'local P = { params = {' '  size = 8' '  other = 9,' '} }' 'return P'
    unloaded "./my.lua:3: '}' expected (to close '{' at line 1) near 'other'"
}

@test "a missing end" {
    policy 'local P = {}' 'function P:schedule(replica, step)' 'return P'
    unloaded "./my.lua:4: 'end' expected (to close 'function' at line 2) near <eof>"
}

@test "a missing return" {
    policy 'local P = {}' 'function P:schedule(replica, step) end'
    unloaded './my.lua: must return a table of hooks, and returns nothing; is `return Policy` missing at the end?'
    policy ''
    unloaded './my.lua: must return a table of hooks, and returns nothing'
    policy 'return "static_fifo"'
    unloaded './my.lua: must return a table of hooks, and returns string'
}

@test "an endless loop" {
    schedule 'while #self.sim.queue > 0 do end'
    ends 1 './my.lua:3: schedule ran longer than 1 s of CPU time (limits.hook_seconds); is there an endless loop? [in schedule, t ='
}

@test "a wrong field" {
    schedule 'return self.sim.queue:peek().promt_tokens'
    ends 1 "./my.lua:3: a request has no field 'promt_tokens'; did you mean 'prompt_tokens'?"
    schedule 'return self.sim.queue:peek().mood'
    ends 1 "./my.lua:3: a request has no field 'mood'; keep notes of your own in 'user'"
    schedule 'return self.sim.queue:peek().output_tokens'
    ends 1 "./my.lua:3: a request has no 'output_tokens' before it finished: nobody knows it; use 'predicted_output'"
    schedule 'return self.sim.queu'
    ends 1 "./my.lua:3: a sim has no field 'queu'; did you mean 'queue'?"
    schedule 'return self.sim.nothing_like_it'
    ends 1 "./my.lua:3: a sim has no field 'nothing_like_it'; it has abort, add, after, arrivals_ended, bins, cancel, clients, cluster, copy, every, group"
    schedule 'step:admitt(self.sim.queue)'
    ends 1 "./my.lua:3: a step has no field 'admitt'; did you mean 'admit'?"
    schedule 'self.sim.queue:pull()'
    ends 1 "./my.lua:3: a queue has no field 'pull'; did you mean 'push'?"
    schedule 'return replica.runing'
    ends 1 "./my.lua:3: a replica has no field 'runing'; did you mean 'running'?"
    schedule 'return replica.kv.capcity'
    ends 1 "./my.lua:3: a kv pool has no field 'capcity'; did you mean 'capacity'?"
    schedule 'return tabel.insert'
    ends 1 "./my.lua:3: unknown variable 'tabel'; did you mean 'table'?"
}

@test "a field that cannot be set" {
    schedule 'step.tokens = 1'
    ends 1 "./my.lua:3: 'tokens' of a step cannot be set; keep your own values in self"
    schedule 'self.sim.queue.mine = 1'
    ends 1 "./my.lua:3: 'mine' of a queue cannot be set; keep your own values in self"
    schedule 'self.sim.now = 1'
    ends 1 "./my.lua:3: sim.now cannot be set; keep your own values in self.now"
    schedule 'replica.running = 1'
    ends 1 "./my.lua:3: replica.running cannot be set; max_requests, token_budget, chunked, reserve, watermark and role can"
}

# Methods, and what never changes, are kept with the object when they are first read; the rest is read each time.
@test "a field read before is refused, and complained of, as at first" {
    schedule 'local q = replica.queue; q:peek(); q = replica.queue; q.push = nil'
    ends 1 "./my.lua:3: 'push' of a queue cannot be set; keep your own values in self"
    schedule 'local id = replica.id; replica.id = 2'
    ends 1 "./my.lua:3: replica.id cannot be set; max_requests, token_budget, chunked, reserve, watermark and role can"
    schedule 'local id = replica.id; return replica.runing'
    ends 1 "./my.lua:3: a replica has no field 'runing'; did you mean 'running'?"
    schedule 'local id = replica.id; return replica[1]'
    ends 1 "./my.lua:3: a replica has no field of type number"
    schedule 'local id = replica.id; return replica.zzzzzzzzz'
    ends 1 "./my.lua:3: a replica has no field 'zzzzzzzzz'; it has "
    schedule 'step:carry(); return step.admitt'
    ends 1 "./my.lua:3: a step has no field 'admitt'; did you mean 'admit'?"
    schedule 'local bins = self.bins or self.sim:bins{ edges = { 50 } }; self.bins = bins; bins:next(); return bins[1].pull'
    ends 1 "./my.lua:3: a queue has no field 'pull'; did you mean 'push'?"
}

@test "what is kept with an object is its own, on many replicas too" {
    policy 'local P = {}' 'function P:init()' \
        '  for round = 1, 2 do' '    for i, replica in ipairs(self.sim.replicas) do' \
        '      assert(replica.id == i and replica.queue == replica.queue and replica.kv == replica.kv)' \
        '      assert(i == 1 or replica.queue ~= self.sim.replicas[i - 1].queue)' \
        '      assert(replica.kv:fits(1) and replica.kv.fits(1) and not replica.kv:fits(1e9))' \
        '      assert(#replica.queue == replica.waiting)' '    end' '  end' 'end' \
        'function P:arrive(req)' '  local queue = self.sim.replicas[req.id % #self.sim.replicas + 1].queue' \
        '  local before = #queue' '  queue:push(req)' '  assert(#queue == before + 1 and queue.tokens >= req.prompt_tokens)' 'end' \
        'function P:schedule(replica, step)' '  local used = replica.kv.used' '  local n = step:admit(replica.queue, 8)' \
        '  assert(step.requests == n and replica.kv.used >= used and (n == 0 or replica.kv.used > used))' 'end' 'return P'
    small -p ./my.lua --set cluster.gpus=5000 --quiet
    small -p ./my.lua --quiet
}

@test "a dot where a colon is meant" {
    schedule 'step.admit(self.sim.queue, 8)'
    ends 1 "./my.lua:3: expected a step, got queue; was '.' written where ':' is meant?"
    schedule 'self.sim.queue.pop()'
    ends 1 "./my.lua:3: expected a queue, got no value; was '.' written where ':' is meant?"
    schedule 'self.sim.reject(self.sim.queue:peek())'
    ends 1 "./my.lua:3: expected a sim, got table; was '.' written where ':' is meant?"
}

@test "a table that never stops growing" {
    schedule 'local t = {} while true do t[#t + 1] = {} end'
    ends 1 'my: the policy used more than 64 MiB of memory (limits.memory_mb) [in schedule, t ='
}

@test "a global variable where a local one is meant" {
    schedule 'count = 1'
    ends 1 "./my.lua:3: a hook may not make the global variable 'count'; write 'local count', or keep it in self.count"
}

@test "an unknown parameter, and one of another type" {
    run small -p static_fifo,batch_sise=3
    refused "unknown parameter 'batch_sise'; did you mean 'batch_size'? (it has batch_size)"
    run small -p static_fifo,batch_size=many
    refused "parameter 'batch_size' must be a number, not a string"
    policy 'return { params = 8, schedule = function() end }'
    refused "'params' must be a table of default values, not a number"
}

@test "numbers that would be others when they are read" {
    local large="is too large for a number, which is at most 1.8e308"
    local rounded="9007199254740993 is above 2^53, from where on whole numbers are rounded; write 9.01e+15 if that is near enough"
    # told OPTION TEXT SENTENCE
    told() {
        run small "$1" "$2"
        [ "$status" -eq 2 ]
        says "mbsand: ${1/-p/--policy} $2: $3"
    }
    told -p static_fifo,batch_size=1e400 "1e400 $large"
    told -p static_fifo,batch_size=9007199254740993 "$rounded"
    told -p multi_bin,edges=64,-1e400 "-1e400 $large"
    told --set params.batch_size=1e400 "1e400 $large"
    told --set params.batch_size=9007199254740993 "$rounded"
    told --over params.batch_size=8,9007199254740993 "$rounded"
    told --over cluster.gpus=1e400..1e400 "1e400 $large" # it never came to its end
    told --over cluster.gpus=1..4:x1e400 "1e400 $large"
    run small -p static_fifo,batch_size=9007199254740992 --set params.batch_size=0009 --set workload.limit=5 --quiet
    [ "$status" -eq 0 ]
}

@test "an unknown policy" {
    run small -p static_fifa
    [ "$status" -eq 2 ]
    says 'there is no policy "static_fifa"; did you mean "static_fifo"? (a file of yours is written ./static_fifa.lua)'
}

@test "a file that is not there, and one that is a folder" {
    run small -p ./nothing.lua
    [ "$status" -eq 2 ]
    says '"./nothing.lua": No such file or directory'
    mkdir folder.lua
    run small -p ./folder.lua
    [ "$status" -eq 2 ]
    says 'the policy "./folder.lua" is a folder, not a file'
}

@test "a file that may not be read" {
    [ "$(id -u)" -ne 0 ] || skip "root may read everything"
    echo 'return {}' >closed.lua
    chmod 000 closed.lua
    run small -p ./closed.lua
    [ "$status" -eq 2 ]
    says 'Permission denied'
}

@test "compiled Lua" {
    make_bytecode lua5.4 my.lua
    run small -p ./my.lua
    unloaded './my.lua: is compiled Lua; a policy must be source text'
}

@test "a policy that never admits anything" {
    schedule ''
    [ "$status" -eq 0 ]
    says 'warning: my left replicas idle'
    says 'while requests waited, without `step:idle`: most policy bugs look like that'
    says 'warning: my never served 300 of 300 requests, which its latencies leave out'
}

@test "a policy that turns everything away" {
    policy 'local P = {}' 'function P:arrive(req) self.sim:reject(req, "not today") end' 'function P:schedule() end' \
        'return P'
    [ "$status" -ne 0 ]
    says 'no request could be served: request 0: not today'
}

@test "a value that is not known yet" {
    schedule 'return step.duration'
    ends 1 'this is known when the step has ended, in the hook `stepped`'
}

@test "a request kept after it finished" {
    policy 'local P = {}' 'function P:arrive(req) self.old = self.old or req self.sim.queue:push(req) end' \
        'function P:schedule(replica, step) step:admit(self.sim.queue) end' \
        'function P:stepped() return self.old:waited() + 0 end' 'return P'
    ends 1 "./my.lua:4: request 0 has left the system; drop it from your own tables in the hook 'finish'"
}

@test "a fact of a request first read after it finished" {
    policy 'local P = {}' 'function P:arrive(req) self.old = self.old or req self.sim.queue:push(req) end' \
        'function P:schedule(replica, step) step:admit(self.sim.queue) end' \
        'function P:finish(req) assert(req.id ~= 0 or req.prompt_tokens > 0) end' \
        'function P:stepped() assert(self.old.prompt_tokens > 0 and self.old.id == 0) return self.old.client end' 'return P'
    ends 1 "./my.lua:5: request 0 has left the system; drop it from your own tables in the hook 'finish'"
}

@test "a parameter that was never declared" {
    cat >"$BATS_TEST_TMPDIR/slip.lua" <<'LUA'
local P = { params = { batch_size = 4 } }
function P:schedule(replica, step) step:admit(self.sim.queue, self.params.batchsize) end
return P
LUA
    run "$MBSAND" scenarios/burst.lua --seeds 1 --set workload.limit=100 --policy "$BATS_TEST_TMPDIR/slip.lua"
    [ "$status" -eq 1 ]
    says "slip.lua:2: no parameter 'batchsize' is declared; did you mean 'batch_size'?"
}

@test "the memory in use does not tell the true output length" {
    cat >"$BATS_TEST_TMPDIR/peep.lua" <<'LUA'
local P = {}
function P:schedule(replica, step)
  local req = self.sim.queue:peek()
  local before = replica.kv.used
  step:add(req)
  assert(replica.kv.used - before == req.prompt_tokens + req.predicted_output, "it tells")
  assert(replica.kv.free == replica.kv.capacity - replica.kv.used, "free")
  assert(req.deadline == req.arrival + self.sim.slo.e2e, "deadline")
end
return P
LUA
    cat >"$BATS_TEST_TMPDIR/guess.lua" <<'LUA'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson{ rate = 1 }, prompt = 100, output = lengths.uniform(1, 900),
    limit = 200, predictor = predict.constant(77) },
  cluster = { gpus = 1, kv_tokens = 5000 },
  latency = latency.batch{ alpha = 0.1, beta = 0.001, gamma = 0.3 },
  slo = { e2e = 5 },
  policies = { "static_fifo" }, seeds = 1,
}
LUA
    run "$MBSAND" "$BATS_TEST_TMPDIR/guess.lua" --policy "$BATS_TEST_TMPDIR/peep.lua"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "failed runs are told beside CSV and JSON too" {
    for format in csv json; do
        run "$MBSAND" "$root/scenarios/burst.lua" --quiet --seeds 7 --set workload.skip_rows=0 --set workload.limit=10000 --format "$format"
        [ "$status" -eq 2 ]
        says "mbsand: warning: static_fifo failed with seeds 6 and 7 (2 of 7)"
        says "have only 5 such windows; expected no more seeds than that"
    done
}
