#!/usr/bin/env bats
# What policies call, against values worked by hand. The policies judge themselves: a failed assert fails the run.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# scenario WORKLOAD [CLUSTER [MORE]]: s.lua with my.lua, steps of 10 ms
scenario() {
    cat >s.lua <<END
return scenario {
  workload = $1,
  cluster = { gpus = 1, kv_block = 1, kv_blocks = 10000 ${2:-} },
  latency = latency.step { base = 0.01 },
  policies = { "./my.lua" },
  seeds = 1, ${3:-}
}
END
}

# policy BODY: my.lua, with `near` and the table P
policy() {
    {
        echo 'local P = {}'
        echo 'local function near(a, b) assert(math.abs(a - b) < 1e-9, a .. " is not " .. b) end -- luacheck: ignore'
        cat
        echo 'return P'
    } >my.lua
}

good() { runs_alike requests,batches,decisions,preemptions; }

refused() { # refused TEXT: the run fails with this sentence
    run "$MBSAND" s.lua
    [ "$status" -ne 0 ] || return 1
    says "$1"
}

@test "bounds on the output: of the workload, of classes, and of a trace" {
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 1 }, limit = 200, prompt = 1, output = 7, max_output = 5,
      classes = { { name = "a", share = 1 }, { name = "b", share = 1, max_output = { factor = 1.5 } },
        { name = "c", share = 1, max_output = lengths.uniform(1, 20) } } }' "" "oracle = true"
    policy <<'END'
function P:arrive(req)
  self.seen = self.seen or {}
  self.seen[req.class] = true
  if req.class == "a" then assert(req.max_output == 5 and req.output_tokens == 5) end -- the answer ends there
  if req.class == "b" then assert(req.max_output == 11 and req.output_tokens == 7) end -- 10.5
  if req.class == "c" then assert(req.output_tokens == math.min(req.max_output, 7)) end
  self.sim.inbox:push(req)
end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) end
function P:done() assert(self.seen.a and self.seen.b and self.seen.c) end
END
    good
    printf 't,p,o,m\n0,1,3,4\n1,1,3,3\n2,1,3,\n' >t.csv
    scenario 'trace.csv "t.csv" { columns = { time = "t", prompt = "p", output = "o", max_output = "m" } }'
    policy <<'END'
function P:arrive(req)
  assert(req.max_output == ({ 4, 3 })[req.id + 1])
  self.sim.inbox:push(req)
end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) end
END
    good
    printf 't,p,o,m\n0,1,3,4\n1,1,3,2\n' >t.csv
    refused 't.csv:3: column "m" is "2"; expected at least the 3 tokens of the output, or nothing'
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 1 }, limit = 2, prompt = 1, output = 7, max_output = { factor = 0.5 } }'
    refused "workload.max_output.factor is 0.5; expected a number from 1 to 1000000"
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 1 }, limit = 2, prompt = 1, output = 7, max_output = "5" }'
    refused 'max_output is "5"; expected a number, { factor = }, or lengths.fixed'
}

@test "refined predictions: the same numbers whoever asks, when and how often" {
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 20 }, limit = 60, prompt = 1, output = lengths.uniform(1, 90),
      predictor = predict.refined{ sigma = 0.5, every = 4 } }' "" "oracle = true, seed = 3"
    policy <<'END'
P.params = { often = false }
function P:arrive(req)
  assert(req:predict() == req.predicted_output)
  self.sim.inbox:push(req)
end
function P:schedule(replica, step)
  step:carry()
  step:admit(self.sim.queue)
  step:quantum(self.params.often and 1 or 4)
end
function P:stepped(replica)
  for req in replica:each_running() do
    local said, generated = req:predict(), req:generated()
    if self.params.often then
      assert(req:predict() == said and req:predict(0.5) == said and req:predict(0.3) <= said and req:predict("low") == said)
      self.sim:random()
    end
    assert(said > generated)
    if generated % 4 == 0 then self.sim:observe("said", req.id + 1000 * generated + 1e6 * said) end
  end
end
END
    good
    "$MBSAND" s.lua --out a --dump decisions -q
    "$MBSAND" s.lua --out b --dump decisions -q --set params.often=true
    # requests, tokens and what was said of them
    said() { cut -d, -f3- "$1" | grep said | sort -u; }
    said a/decisions*.csv >a.txt && said b/decisions*.csv >b.txt
    [ "$(wc -l <a.txt)" -gt 100 ]
    [ -z "$(comm -23 a.txt b.txt)" ] # what it is told every 4 steps is told to who looks at every step, too
    # another policy, which serves in another order after other draws: the same numbers of the same tokens, to the bit
    policy <<'END'
function P:init()
  for _ = 1, 7 do math.random() end
  self.sim.inbox = self.sim:queue{ by = function(req) return -req.id end }
end
function P:schedule(replica, step)
  math.random()
  step:carry()
  step:admit(self.sim.inbox, 1)
  step:quantum(1)
end
function P:stepped(replica)
  local list = {}
  for req in replica:each_running() do table.insert(list, 1, req) end
  for _, req in ipairs(list) do
    if math.random() < 0.5 then req:predict(0.7) end
    if req:generated() % 4 == 0 then self.sim:observe("said", req.id + 1000 * req:generated() + 1e6 * req:predict()) end
  end
end
END
    "$MBSAND" s.lua --out c --dump decisions -q
    said c/decisions*.csv >c.txt
    [ -z "$(comm -23 a.txt c.txt)" ]
}

@test "refined predictions of a trace with a column of noise are those of the column, whatever the seed" {
    scenario 'trace.csv "t.csv" { columns = { time = "t", prompt = "p", output = "o", noise = "n" },
      predictor = predict.refined{ sigma = 0.5 } }'
    printf 't,p,o,n\n0,1,5000,7\n0,1,5000,18446744073709551615\n0,1,5000,7\n0,1,5000,18446744073709551614\n' >t.csv
    policy <<'END'
function P:arrive(req)
  self.said = self.said or {}
  self.said[req.id] = req:predict()
  self.sim.inbox:push(req)
  if req.id < 3 then return end
  assert(self.said[0] == self.said[2] and self.said[0] ~= self.said[1] and self.said[1] ~= self.said[3])
  self.sim:observe("said", self.said[1])
end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) end
END
    good
    for seed in 1 2; do "$MBSAND" s.lua --seed $seed --out $seed --dump decisions -q; done
    said() { cut -d, -f3- "$1"/decisions*.csv | grep said; }
    [ "$(said 1 | wc -l)" = 1 ]
    [ "$(said 1)" = "$(said 2)" ]
    for wrong in 18446744073709551616 -1 1.5 x; do
        printf 't,p,o,n\n0,1,5,%s\n' "$wrong" >t.csv
        refused "t.csv:2: column \"n\" is \"$wrong\"; expected a whole number from 0 to 2^64 - 1"
    done
    printf 't,p,o,n\n0,1,5,\n' >t.csv
    refused 't.csv:2: column "n" is empty; expected a whole number from 0 to 2^64 - 1'
}

@test "req:predict of other predictors, of bins, and of what it does not know" {
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 1 }, limit = 3, prompt = 1, output = 30,
      predictor = predict.bins{ edges = { 10, 50 }, highest = 200 } }'
    policy <<'END'
function P:arrive(req)
  assert(req.predicted_output == 30 and req:predict() == 30) -- 29.5
  assert(req:predict("low") == 10 and req:predict("high") == 49 and req:predict(0.25) == 20) -- 19.75
  self.sim.inbox:push(req)
end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) step:quantum(1) end
function P:stepped(replica)
  for req in replica:each_running() do assert(req:predict("low") == math.max(10, req:generated() + 1)) end
end
END
    good
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 1 }, limit = 3, prompt = 1, output = 201,
      predictor = predict.bins{ edges = { 10, 50 }, highest = 200 } }'
    refused "predict.bins: a request has an output of 201 tokens; expected all of them to be between lowest (1) and highest (200)"
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 1 }, limit = 3, prompt = 1, output = 30, predictor = predict.constant(7) }'
    policy <<'END'
function P:arrive(req)
  assert(req:predict() == 7 and req:predict("low") == 7 and req:predict(0.9) == 7)
  self.sim.inbox:push(req)
end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) end
END
    good
    for what in '"lowest"' 0 1 -1 '{}'; do
        policy <<END
function P:arrive(req) req:predict($what) end
function P:schedule() end
END
        refused 'req:predict: expected "output", "low", "high" or a quantile between 0 and 1, not '
    done
}

# value MEASURE: of the last `good`
value() { "$MBSAND" s.lua -q --format json | grep -o "\"$1\": [-0-9.e]*" | head -1 | sed 's/.*: //'; }

@test "step:preempt(req, \"restart\") throws away what was generated" {
    scenario 'synthetic { arrivals = arrivals.all_at_once{}, limit = 1, prompt = 1, output = 4 }' "" "why = true, slo = { gap = 1 }"
    policy <<'END'
function P:schedule(replica, step)
  self.calls = (self.calls or 0) + 1
  if self.calls == 3 then -- two tokens are there
    for req in replica:each_running() do
      assert(req:generated() == 2)
      assert(step:preempt(req, "restart"))
      assert(req:generated() == 0 and req:computed() == 0 and req:phase() == "waiting" and not req:first_token_at())
      assert(req:preemptions() == 1 and #self.sim.queue == 1 and replica.kv.used == 0)
    end
  end
  step:carry()
  step:admit(self.sim.queue)
  step:quantum(1)
end
function P:finish(req)
  near(self.sim.now, 0.06)
  near(req:first_token_at(), 0.03)
  assert(self.sim.clients[0].output_tokens == 4 + 2) -- emitted
end
END
    sed -i 's/limit = 1,/limit = 1, clients = 2,/; ' s.lua
    sed -i 's/self.sim.clients\[0\]/self.sim.clients[req.client]/' my.lua
    good
    [ "$(value wasted_tokens)" = 2 ] || [ "$(value wasted_tokens)" = 2.0 ]
    "$MBSAND" s.lua -q --format json >s.json
    run python3 - <<'END'
import json
def find(x):
    if isinstance(x, dict):
        if "why_again_s" in x: return x
        x = list(x.values())
    for y in x if isinstance(x, list) else []:
        if find(y): return find(y)
m = find(json.load(open("s.json")))
def v(k): return m[k]["mean"] if isinstance(m[k], dict) else m[k]
# 10 ms of prompt; 10 ms of an answer that was thrown away and 10 ms of prompt again; three tokens more
for name, ms in ("prefill", 10), ("again", 20), ("decode", 30), ("aside", 0):
    assert abs(v("why_" + name + "_s") - ms / 1000) < 1e-9, (name, v("why_" + name + "_s"))
END
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    policy <<'END'
function P:schedule(replica, step)
  for req in replica:each_running() do step:preempt(req, "forget") end
  step:admit(self.sim.queue)
  step:quantum(1)
end
END
    refused 'step:preempt: expected "recompute", "swap", "pause" or "restart", not "forget"'
}

@test "sim:reject of a request that runs: only where its replica is scheduled" {
    scenario 'synthetic { arrivals = arrivals.all_at_once{}, limit = 2, prompt = 1, output = 4, clients = 2 }'
    policy <<'END'
function P:schedule(replica, step)
  self.calls = (self.calls or 0) + 1
  if self.calls == 3 then
    for req in replica:each_running() do
      if req.id == 0 then self.sim:reject(req, "too slow") end
    end
    assert(replica.running == 1 and self.sim.running == 1 and replica.kv.used == 2 and self.gone == "rejected")
  end
  step:carry()
  step:admit(self.sim.queue)
  step:quantum(1)
end
function P:finish(req, why)
  if req.id == 0 then
    self.gone = why
    near(self.sim.now, 0.02)
  else
    near(self.sim.now, 0.04)
    assert(why == "done")
  end
end
END
    good
    [[ $(value wasted_tokens) == 2* ]] && [[ $(value rejected) == 1* ]] && [[ $(value preemptions) == 0* ]]
    policy <<'END'
function P:arrive(req)
  self.sim.inbox:push(req)
  self.sim:after(0.015, function() self.sim:reject(req) end)
end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) end
END
    refused 'sim:reject: the request runs; it can be turned away in the hook `schedule` for the replica that it runs on'
    sed -i 's/, kv_block = 1, kv_blocks = 10000//; s/latency.step { base = 0.01 }/latency.batch { alpha = 1, beta = 0, gamma = 0 }/' s.lua
    refused 'sim:reject: the request runs, and a whole batch is served to its end'
}

@test "bins by a function, and with another number of edges" {
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 100 }, limit = 9, prompt = 1, output = 4 }'
    policy <<'END'
function P:init()
  self.bins = self.sim:bins{ key = function(req) return req.id % 5 end, edges = { 2, 4 } }
  self.sim.inbox = self.bins
end
function P:counts()
  local list = {}
  for i = 1, #self.bins do list[i] = #self.bins[i] end
  return table.concat(list, " ")
end
function P:schedule(replica, step)
  step:carry()
  if not self.sim.arrivals_ended then return step:idle() end
  if self.sim.waiting == 9 then
    local first = self.bins[1]
    assert(self:counts() == "4 4 1", self:counts()) -- 0 1 5 6, 2 3 7 8, 4
    self.bins:set_edges{ 1, 2, 3, 4 }
    assert(#self.bins == 5 and self:counts() == "2 2 2 2 1" and self.bins[1] == first and #self.bins.edges == 4)
    self.bins:set_edges{}
    assert(#self.bins == 1 and self:counts() == "9" and self.bins[2] == nil and self.bins:next() == 1)
    local last = -1
    for req in self.bins[1]:each() do
      assert(req.id > last)
      last = req.id
    end
    self.bins:set_edges{ 3 }
    assert(self:counts() == "6 3" and self.bins:longest() == 1) -- 0 1 2 5 6 7, 3 4 8
    local req = self.bins[2]:pop()
    assert(self.bins:push(req) == 2)
  end
  local bin = self.bins:next()
  if bin then step:admit(self.bins[bin], 1) end
end
END
    good
    policy <<'END'
function P:init() self.sim.inbox = self.sim:bins{ key = function() return {} end, edges = { 2 } } end
function P:schedule(replica, step) step:carry() end
END
    refused "the bins' \`key\` function must return a number, and returned table"
    policy <<'END'
function P:init() self.sim:bins{ key = function() return 1 end, rule = "equal_mass", count = 4 } end
function P:schedule(replica, step) step:carry() end
END
    refused 'bins: a rule cuts lengths that are known before the run, and what a function says is not; expected edges'
    policy <<'END'
function P:init() self.sim:bins{ key = {}, edges = { 2 } } end
function P:schedule(replica, step) step:carry() end
END
    refused 'bins: key = a table is unknown; expected "predicted_output", "prompt_tokens", "predicted_total", "priority", or a function(req) that returns a number'
    policy <<'END'
function P:init() self.sim:bins{ edges = { 2 } }:set_edges{ 3, 2 } end
function P:schedule(replica, step) step:carry() end
END
    refused 'set_edges: edge 2 is not a number at least as large as the one before'
}

@test "what a decode computes: step:add with more tokens says so" {
    scenario 'synthetic { arrivals = arrivals.all_at_once{}, limit = 1, prompt = 1, output = 4 }'
    policy <<'END'
function P:schedule(replica, step)
  for req in replica:each_running() do step:add(req, 5) end
  step:admit(self.sim.queue)
end
END
    refused 'step:add: the request decodes, and a decode computes one token in a step, not 5'
}

@test "step:cost is added to the first step of the run, and to a whole batch" {
    scenario 'synthetic { arrivals = arrivals.all_at_once{}, limit = 1, prompt = 1, output = 4 }' "" "why = true"
    policy <<'END'
function P:schedule(replica, step)
  step:carry()
  step:admit(self.sim.queue)
  step:cost(0.001)
  step:cost(0.002)
  near(step:estimate(), 0.013)
end
function P:stepped(replica, step) self.sim:observe("count", step.count) self.sim:observe("took", step.duration) end
function P:finish(req)
  near(req:first_token_at(), 0.013)
  near(self.sim.now, 0.013 + 0.013 + 0.02) -- schedule is called after the prompt, and then not again
end
END
    good
    near_value() { value "$1" | awk -v want="$2" '{ exit !($1 - want < 1e-9 && want - $1 < 1e-9) }'; }
    near_value why_prefill_s 0.013 && near_value why_decode_s 0.033
    policy <<'END'
function P:schedule(replica, step) -- nothing is built, nothing is added later
  if self.sim.now == 0 then
    step:cost(5)
    return step:idle(1)
  end
  step:carry()
  step:admit(self.sim.queue)
end
function P:finish() near(self.sim.now, 1.04) end
END
    good
    sed -i 's/, kv_block = 1, kv_blocks = 10000//; s/latency.step { base = 0.01 }/latency.batch { alpha = 1, beta = 0, gamma = 0 }/' s.lua
    policy <<'END'
function P:schedule(replica, step)
  step:admit(self.sim.queue)
  step:cost(0.5)
end
function P:finish() near(self.sim.now, 1.5) end
END
    good
    for cost in -1 1/0 '"a"'; do
        policy <<END
function P:schedule(replica, step) step:cost($cost) end
END
        run "$MBSAND" s.lua
        [ "$status" -eq 1 ] && says "cost"
    done
}

@test "timers have numbers, can be cancelled, and begin at a time" {
    scenario 'synthetic { arrivals = arrivals.constant{ rate = 1 }, limit = 3, prompt = 1, output = 4 }'
    policy <<'END'
function P:init()
  local sim, seen = self.sim, {}
  self.seen = seen
  local function note(name) return function() seen[#seen + 1] = ("%s%g"):format(name, sim.now) end end
  local never = sim:after(1, note("never"))
  assert(sim:cancel(never) and not sim:cancel(never))
  local once = sim:after(0.5, note("once"))
  sim:after(0.75, function() assert(not sim:cancel(once)) end) -- it has fired
  local third = 0
  local every
  every = sim:every(0.25, function()
    third = third + 1
    note("every")()
    if third == 3 then assert(sim:cancel(every)) end
  end, 1.5)
  assert(every ~= never and every ~= once)
end
function P:schedule(replica, step)
  self.calls = (self.calls or 0) + 1
  step:carry()
  step:admit(self.sim.queue)
end
function P:done()
  local seen = table.concat(self.seen, " ")
  assert(seen == "once0.5 every1.5 every1.75 every2", seen)
end
END
    good
    # a timer that was cancelled is as none: with a request that waits nobody is asked at its time
    policy <<'END'
P.params = { cancel = false }
function P:init()
  if self.params.cancel then self.sim:cancel(self.sim:after(0.25, function() end)) end
end
function P:schedule(replica, step)
  self.sim:observe("asked", self.sim.now)
  step:carry()
  if self.sim.arrivals_ended then step:admit(self.sim.queue) else step:idle() end
end
END
    good
    "$MBSAND" s.lua --out a --dump decisions -q && "$MBSAND" s.lua --out b --dump decisions -q --set params.cancel=true
    cmp a/decisions*.csv b/decisions*.csv
    for call in 'cancel(0.5)' 'cancel(-1)' 'cancel(0)'; do
        policy <<END
function P:init() self.sim:$call end
function P:schedule(replica, step) step:carry() step:admit(self.sim.queue) end
END
        refused 'sim:cancel: expected a number that sim:after or sim:every returned'
    done
    policy <<END
function P:arrive(req) self.sim:every(1, function() end, self.sim.now - 1) end
function P:schedule() end
END
    refused 'sim:every: the first time is one on the clock of sim.now, and must not lie before now'
}

@test "step:barrier(n): a static batch that gives each row n tokens at most" {
    printf 't,p,o\n0,1,2\n0,1,5\n' >t.csv
    scenario 'trace.csv "t.csv" { columns = { time = "t", prompt = "p", output = "o" } }' "" "why = true, slo = { gap = 1 }"
    policy <<'END'
function P:schedule(replica, step)
  step:admit(self.sim.queue)
  step:barrier(3)
end
function P:stepped(replica, step)
  self.batches = (self.batches or 0) + 1
  if self.batches == 1 then -- 10 ms for the prompts, 20 ms for two more tokens
    near(self.sim.now, 0.03)
    assert(step.requests == 2 and step.decode_tokens == 5 and #self.sim.queue == 1)
    local req = self.sim.queue:peek()
    assert(req.id == 1 and req:generated() == 3 and req:computed() == 0 and req:preemptions() == 1)
    near(req:first_token_at(), 0.01)
  end
end
function P:finish(req)
  near(self.sim.now, req.id == 0 and 0.03 or 0.05) -- its prompt and three tokens computed again give the fourth
end
END
    good
    # the largest gap of each: of the first 10 ms; of the second 10 ms, too, and 10 ms between the batches
    value gap_mean_s | awk '{ exit !($1 > 0.00999 && $1 < 0.01001) }'
    policy <<'END'
function P:schedule(replica, step) step:admit(self.sim.queue) step:barrier(0.5) end
END
    refused 'step:barrier: expected a whole number of tokens of at least 1 for each row, or nothing'
    sed -i 's/, kv_block = 1, kv_blocks = 10000//; s/latency.step { base = 0.01 }/latency.batch { alpha = 1, beta = 0, gamma = 0 }/' s.lua
    policy <<'END'
function P:schedule(replica, step) step:admit(self.sim.queue) step:barrier(3) end
END
    refused 'step:barrier: under a batch latency model a batch is served to its end; leave the tokens out'
}

@test "a row that a static batch gives back has not started: its client is not charged" {
    scenario 'synthetic { arrivals = arrivals.all_at_once{}, limit = 2, prompt = 3, output = 5, clients = 2 }' ""
    sed -i 's/kv_blocks = 10000/kv_blocks = 8/' s.lua
    policy <<'END'
function P:prompts() return self.sim.clients["client-0"].prompt_tokens + self.sim.clients["client-1"].prompt_tokens end
function P:schedule(replica, step)
  self.calls = (self.calls or 0) + 1
  step:admit(self.sim.queue)
  local returned = step:barrier()
  if self.calls == 1 then assert(returned == 1 and self:prompts() == 3) end
end
function P:done() assert(self:prompts() == 6) end
END
    sed -i 's/limit = 2, prompt/limit = 2, clients = 1, prompt/; s/clients = 2 }/}/' s.lua
    sed -i 's/return self.sim.clients\["client-0"\].prompt_tokens + self.sim.clients\["client-1"\].prompt_tokens/return self.sim.clients[0].prompt_tokens/' my.lua
    good
}
