#!/usr/bin/env bats
# What policies do with queues, and whom they ask, against values worked by hand. The policies judge themselves.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

scenario() { # scenario ROWS [CLUSTER]: s.lua with my.lua; rows of arrival, prompt, output, priority; steps of 10 ms
    printf 't,p,o,r\n%b' "$1" >t.csv
    cat >s.lua <<END
return scenario {
  workload = trace.csv "t.csv" { columns = { time = "t", prompt = "p", output = "o", priority = "r" } },
  cluster = { gpus = 1, kv_block = 1, kv_blocks = 10000, prefix_cache = false ${2:-} },
  latency = latency.step { base = 0.01 },
  policies = { "./my.lua" },
  seeds = 1,
}
END
}

policy() { # policy BODY: my.lua, with the table P, and line(queue), the ids in a queue
    {
        echo 'local P = {}'
        echo 'local function line(q) local t = {} for r in q:each() do t[#t + 1] = r.id end return table.concat(t, " ") end -- luacheck: ignore'
        cat
        echo 'return P'
    } >my.lua
}

good() { runs_alike requests,preemptions; }

refused() { # refused TEXT: the run fails with this sentence
    run "$MBSAND" s.lua -q
    [ "$status" -ne 0 ] || return 1
    says "$1"
}

FIVE='0,1,9,0\n0,1,3,0\n0,1,5,0\n0,1,3,0\n0,1,1,0\n'

@test "both ends of a queue, and an order that changes" {
    scenario "$FIVE"
    policy <<'END'
function P:init()
  self.turn = 1
  self.q = self.sim:queue{ by = function(req) return self.turn * req.predicted_output end }
  self.ranked = self.sim:queue{ by = "rank" }
  self.sim.inbox = self.q
end
function P:schedule(_, step)
  if self.seen then return step:admit(self.q) end
  self.seen = true
  assert(line(self.q) == "4 1 3 2 0" and self.q:peek_back().id == 0)
  self.turn = -1
  assert(line(self.q) == "4 1 3 2 0") -- nobody has asked for another order
  self.q:reorder()
  assert(line(self.q) == "0 2 1 3 4" and self.q:peek_back().id == 4)
  assert(self.q:pop_back().id == 4 and self.q:pop_back().id == 3 and #self.q == 3)
  local two, one = self.q:pop_back(), self.q:pop_back()
  two:rank(2) one:rank(1) self.ranked:push(two) self.ranked:push(one)
  assert(line(self.ranked) == "2 1" or line(self.ranked) == one.id .. " " .. two.id)
  two:rank(0) self.ranked:reorder()
  assert(line(self.ranked) == two.id .. " " .. one.id)
  self.q:push(two) self.q:push(one)
  local plain = self.sim.queue
  assert(plain:pop_back() == nil and plain:peek_back() == nil)
  plain:push(two) plain:push(one)
  assert(plain:peek_back() == one and plain:pop_back() == one and plain:pop() == two)
  self.q:push(two) self.q:push(one)
  step:admit(self.q)
end
END
    run "$MBSAND" s.lua -q
    echo "$output"
    says "never served 2 of 5 requests" # those that were taken and not put back
    policy <<'END'
function P:schedule() self.sim.queue:reorder() end
END
    refused 'queue:reorder: a plain queue has no order but that of coming; make one with sim:queue{ by = ... }'
    policy <<'END'
function P:init() self.sim.inbox = self.sim:queue{ by = function() self.sim.inbox:reorder() return 1 end } end
function P:schedule(_, step) step:admit(self.sim.inbox) end
END
    refused 'queue:reorder: refused inside'
}

@test "queues that age: by a rate, and by the ratio of the time since arrival to the key" {
    scenario '0,1,9,0\n0.5,1,2,0\n0.9,1,1,4\n'
    policy <<'END'
function P:init()
  self.ratio = self.sim:queue{ by = "predicted_output", age = "ratio" }
  self.rate = self.sim:queue{ by = "predicted_output", age = 10 }
  self.urgent = self.sim:queue{ by = "priority", age = 10 }
end
function P:move(q) for _, r in ipairs(self.all) do q:push(r) end return line(q) end
function P:arrive(req)
  self.all = self.all or {}
  self.all[#self.all + 1] = req
  if #self.all < 3 then return end
  -- at 0.9: 0.9 / 9, 0.4 / 2, 0 / 1; 9 - 9, 2 - 4, 1 - 0; 0 + 9, 0 + 4, 4 + 0
  assert(self:move(self.ratio) == "1 0 2" and self.ratio:peek().id == 1 and self.ratio:peek_back().id == 2)
  assert(self:move(self.rate) == "1 0 2" and self:move(self.urgent) == "0 1 2")
  self:move(self.ratio)
  self.sim:after(0.1, function() assert(line(self.ratio) == "1 0 2") end) -- 1 / 9, 0.5 / 2, 0.1 / 1
  self.sim:after(0.2, function() -- 1.1 / 9, 0.6 / 2, 0.2 / 1
    assert(self.ratio:peek().id == 1 and line(self.ratio) == "1 2 0")
  end)
  self.sim:after(1.1, function() -- 2 / 9, 1.5 / 2, 1.1 / 1
    assert(self.ratio:peek().id == 2 and self.ratio:peek_back().id == 0 and line(self.ratio) == "2 1 0")
    self.ended = true
  end)
end
function P:schedule(_, step)
  if self.ended then step:admit(self.ratio) else step:idle() end
end
END
    good
    policy <<'END'
function P:init() self.sim:queue{ by = "priority", age = "ratio" } end
function P:schedule() end
END
    refused 'queue: age = "ratio" divides by the key, which must be a length or a function that returns a number above 0, not "priority"'
    sed -i 's/by = "priority", age = "ratio"/age = 1/' my.lua
    refused 'queue: age changes an order, and this queue has none; give `by` as well'
    sed -i 's/age = 1/by = "priority", age = -1/' my.lua
    refused 'queue: age = "-1" is unknown; expected a number of at least 0, by which the key falls in a second, or "ratio"'
    policy <<'END'
function P:init() self.sim.inbox = self.sim:queue{ by = function() return 0 end, age = "ratio" } end
function P:schedule() end
END
    refused 'must return a number above 0, since ages are divided by it'
    policy <<'END'
function P:init() self.sim.inbox = self.sim:queue{ by = "predicted_output", age = 1 } end
function P:schedule(_, step) step:displace(self.sim.inbox) end
END
    refused 'step:displace: the order of the queue changes with its age, and what runs does not wait'
    sed -i 's/displace(self.sim.inbox)/rank{ from = self.sim.inbox }/' my.lua
    refused 'step:rank: the order of the queue `from` changes with its age'
}

# Two of 4 + 4 tokens in 12 blocks: memory runs out when both hold 6.
@test "step:carry{ victim = }: who makes room" {
    scenario '0,4,6,2\n0,4,6,1\n' ", reserve = 'chunk'"
    sed -i 's/kv_blocks = 10000/kv_blocks = 12/' s.lua
    policy <<'END'
P.params = { victim = "newest" }
function P:schedule(_, step)
  if step:carry{ victim = self.params.victim } == 0 then step:admit(self.sim.queue) end
end
END
    first_out() { # first_out VICTIM: the id of whom the first preemption hits
        rm -rf o
        "$MBSAND" s.lua -q --out o --dump preemptions --set "params.victim=$1" >/dev/null || return 1
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "id" || $i == "request") at = i } NR == 2 { print $at }' o/*preemptions*.csv
    }
    [ "$(first_out newest)" = 1 ] && [ "$(first_out oldest)" = 0 ]
    [ "$(first_out priority)" = 1 ]
    sed -i 's/,2$/,0/' t.csv # now the first is the less urgent
    [ "$(first_out priority)" = 0 ] && [ "$(first_out arrival)" = 1 ]
    good
    # the same, said once
    policy <<'END'
function P:init() self.sim.replicas[1]:plain{ queue = self.sim.queue, carry = { victim = "priority" } } end
END
    good
    refused_by() { policy <<<"function P:schedule(_, step) step:carry($1) end"; refused "$2"; }
    refused_by '{ victim = "youngest" }' 'step:carry: victim = "youngest" is unknown; expected "newest", "oldest", or a key'
    refused_by '{ victims = "newest" }' "victims"
    refused_by '{ victim = "output_tokens" }' 'needs oracle = true'
    refused_by '{ find = "none" }' 'what a decode must find free is "needed"'
}

# Replica 2 is closed until the first step of replica 1 has ended, at 10 ms; nothing else changes before a timer, at 15 ms.
@test "replica:wake(): a replica is asked although nothing has come for it" {
    scenario '0,1,5,0\n0,1,5,0\n' ", max_requests = 1"
    sed -i 's/gpus = 1/gpus = 2/' s.lua
    policy <<'END'
P.params = { wake = true }
function P:init() self.sim:after(0.015, function() self.open = true end) end
function P:schedule(replica, step)
  if replica.id == 2 and not self.open then return step:idle() end
  step:carry()
  step:admit(self.sim.queue, 1)
  if replica.id == 1 then step:quantum(1) end
end
function P:stepped(replica)
  if replica.id == 2 or not self.params.wake or self.open then return end
  self.open = true
  self.sim.replicas[2]:wake()
end
END
    started() { # started WAKE: when the second request starts
        rm -rf o
        "$MBSAND" s.lua -q --out o --dump requests --set "params.wake=$1" >/dev/null || return 1
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "start_s") at = i } END { printf "%.4f", $at }' o/*requests*.csv
    }
    good
    [ "$(started true)" = 0.0100 ]
    [ "$(started false)" = 0.0150 ]
    policy <<'END'
function P:schedule(replica) self.sim.replicas[3 - replica.id]:wake() end
END
    refused "or wakes the others"
}
