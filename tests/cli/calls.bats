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

# good: it runs without a complaint, jumping and step by step, with both engines of Lua, and all do the same
good() {
    local binary way first=
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        for way in "" --step; do
            rm -rf o
            run "$binary" s.lua --out o --dump requests,batches,decisions,preemptions $way
            [ "$status" -eq 0 ] || { echo "$output"; return 1; }
            rm o/summary.*
            sum=$(cat o/*.csv | cksum)
            [ "$sum" = "${first:=$sum}" ] || { echo "$binary $way differs"; return 1; }
        done
    done
}

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
