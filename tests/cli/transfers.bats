#!/usr/bin/env bats
# Roles of replicas, and KV memory that moves between them.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 't,p,o\n0,100,3\n' >one.csv
    printf 't,p,o\n0,100,3\n0,100,3\n' >two.csv
    scenario two.csv 'link = { seconds_per_token = 0.0001, latency = 0.002 }'
    split ''
}

GROUPS_OF_TWO='{ name = "prefill", role = "prefill" }, { name = "decode", role = "decode" }'

scenario() { # scenario TRACE CLUSTER [GROUPS]: s.lua
    cat >s.lua <<END
return scenario {
  workload = trace.csv "$1" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { $2, groups = { ${3:-$GROUPS_OF_TWO} } },
  latency = latency.step { base = 0.01, per_token = 0.0001 },
  policies = { "./p.lua" },
  seeds = 1,
}
END
}

split() { # split HOOKS: p.lua, which prefills on the first replica
    cat >p.lua <<END
local P = {}
function P:arrive(req) self.sim.replicas[1].queue:push(req) end
function P:schedule(replica, step) step:carry() step:admit(replica.queue) end
$1
return P
END
}

say_signals() {
    split "function P:signal(e)
      print(('%s %d %d->%d %.4g %.4g %s'):format(e.kind, e.request.id, e.from.id, e.to.id, self.sim.now, e.seconds, e.request:phase()))
    end"
}

# times [OPTION ...]: first token and end of each request, ms; the same when every step is visited
times() {
    local a b
    a=$(one_times "$@") && b=$(one_times --step "$@") || return 1
    [ "$a" = "$b" ] || { echo "jumping: $a, stepping: $b" >&2; return 1; }
    echo "$a"
}
one_times() {
    rm -rf out
    "$MBSAND" s.lua -q "$@" --out out --dump requests --format csv >/dev/null || return 1
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR > 1 { printf "%s%.6g %.6g", (NR > 2 ? ", " : ""), 1000 * $at["first_token_s"], 1000 * $at["end_s"] }' out/requests-*.csv
}

@test "a request that is handed over decodes elsewhere, after its memory has come" {
    [ "$(times --set workload.path=one.csv)" = "20 52.2" ]
    say_signals
    run "$MBSAND" s.lua -q --set workload.path=one.csv
    says "arrived 0 1->2 0.032 0.012 paused"
}

@test "two transfers: one after the other, in equal parts, or as if alone" {
    [ "$(times)" = "30 62.3, 30 72.4" ]
    [ "$(times --set cluster.link.share=fair)" = "30 72.4, 30 72.4" ]
    [ "$(times --set cluster.link.share=none)" = "30 62.4, 30 62.4" ]
    say_signals
    run "$MBSAND" s.lua -q
    says "arrived 0 1->2 0.042 0.012 paused"
    says "arrived 1 1->2 0.052 0.022 paused"
    run "$MBSAND" s.lua -q --set cluster.link.share=fair
    says "arrived 0 1->2 0.052 0.022 paused"
    says "arrived 1 1->2 0.052 0.022 paused"
}

@test "what was moved, and how long it took" {
    asked() { "$MBSAND" s.lua -q --format csv "${@:2}" | awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 { printf "%.6g", $at[name] }'; }
    scenario two.csv 'kv_bytes_per_token = 1e6, link = { bandwidth = 10, latency = 0.002 }'
    [ "$(asked moved_gb)" = 0.2 ]
    [ "$(asked transfer_mean_s)" = 0.017 ]
    [ "$(asked transfer_mean_s --set cluster.link.share=fair)" = 0.022 ]
    # where the time went: 30 ms of prompts, 12 or 22 on the way, the rest is tokens, and 0.1 ms of waiting for a step to end
    sed -i 's/seeds = 1/why = true, seeds = 1/' s.lua
    [ "$(asked why_moved_s)" = 0.017 ]
    [ "$(asked why_prefill_s)" = 0.03 ]
    [ "$(asked why_decode_s) $(asked why_aside_s)" = "0.0203 5e-05" ]
}

@test "a bandwidth, the bytes of a token, and links from group to group" {
    scenario two.csv 'kv_bytes_per_token = 1e6, link = { { from = "decode", seconds_per_token = 9 }, { from = "prefill", to = "decode", bandwidth = 10, latency = 0.002 } }'
    [ "$(times)" = "30 62.3, 30 72.4" ]
    # a wire from each group to each, or one for each replica that sends
    scenario two.csv 'link = { seconds_per_token = 0.0001, latency = 0.002 }' \
        '{ name = "prefill", role = "prefill", gpus = 2 }, { name = "decode", role = "decode" }'
    split 'function P:arrive(req) self.sim.replicas[1 + req.id].queue:push(req) end'
    [ "$(times)" = "20 52.3, 20 62.4" ]
    [ "$(times --set cluster.link.per=replica)" = "20 52.4, 20 52.4" ]
}

@test "without time on the way two replicas are one" {
    printf 't,p,o\n0,100,30\n' >one.csv
    scenario one.csv 'link = { bandwidth = math.huge }, kv_bytes_per_token = 1'
    [ "$(times)" = "20 312.9" ]
    scenario one.csv 'kv_block = 16' '{ name = "all" }'
    [ "$(times)" = "20 312.9" ]
}

@test "handoff says where, or sends later; room is waited for in order" {
    scenario two.csv 'link = { seconds_per_token = 0.0001, latency = 0.002 }' \
        '{ name = "prefill", role = "prefill" }, { name = "decode", role = "decode", gpus = 2, kv_blocks = 7 }'
    # by itself: to the one with most room, then to the other
    [ "$(times)" = "30 62.2, 30 72.2" ]
    # both to the last, where 7 blocks hold one request at a time
    split 'function P:handoff(req, replica)
      assert(req:phase() == "handoff" and replica.id == 1 and req:generated() == 1)
      return self.sim.replicas[3]
    end'
    [ "$(times)" = "30 62.2, 30 94.4" ]
    # later, by a timer, to a queue of the policy; one of them stays where it is
    split 'function P:init() self.queue = self.sim:queue() end
    function P:schedule(replica, step) step:carry() step:admit(replica.queue) step:admit(self.queue) end
    function P:handoff(req)
      if req.id == 1 then return self.sim.replicas[1] end
      self.sim:after(0.01, function()
        local ok, why = self.sim:send(req, self.sim.replicas[2], { queue = self.queue, place = "front" })
        assert(ok and not why and req:phase() == "moving")
      end)
    end'
    [ "$(times)" = "30 50.2, 30 72.2" ]
    # back and forth, and nothing is lost
    split 'function P:handoff(req) return self.sim.replicas[3] end
    function P:signal(e)
      local sim, from, to = self.sim, e.from, e.to
      if sim.now < 0.1 then
        local ok = sim:send(e.request, from == sim.replicas[1] and sim.replicas[2] or from)
        assert(ok or to.id == 3)
      end
      for _, r in ipairs(sim.replicas) do print(r.id, r.kv.used) end
    end'
    run "$MBSAND" s.lua -q
    [ "$status" -eq 0 ]
}

@test "what a layer-wise transfer leaves to be sent after the step" {
    printf 't,p,o\n0,1000,3\n' >one.csv
    scenario one.csv 'link = { seconds_per_token = 0.0001 }'
    layered() { split "function P:handoff(req) assert(self.sim:send(req, self.sim.replicas[2], { layers = $1 })) end"; }
    layered 1
    # the prompt takes 110 ms, its memory 100 ms: a layer of 32 is left
    [ "$(times)" = "110 230.2" ]
    layered 32
    [ "$(times)" = "110 133.325" ]
    # where the link is slower, what it could not carry
    [ "$(times --set cluster.link.seconds_per_token=0.0002)" = "110 220.2" ]
}

# migration HOOKS: p.lua, which migrates the first request when it has its first token
migration() {
    printf 't,p,o\n0,1000,15\n' >one.csv
    scenario one.csv 'link = { seconds_per_token = 0.0001 }' '{ name = "all", gpus = 2 }'
    sed -i 's/, per_token = 0.0001 }/ }/' s.lua
    split "function P:stepped(replica)
      for req in replica:each_running() do
        if req:generated() == 1 then assert(self.sim:migrate(req, self.sim.replicas[2], $1)) end
      end
    end
    function P:signal(e) print(e.kind, e.why, ('%.6g'):format(self.sim.now), e.from.id, e.to.id, e.request:phase(), e.request:generated()) end
    $2"
}

@test "a request that decodes is copied while it goes on" {
    # copied from 10 to 110 ms, in which it makes 10 tokens; these until 111 ms; 3 more, 10 ms each
    migration '{ stages = 3 }'
    [ "$(times)" = "10 151" ]
    run "$MBSAND" s.lua -q
    says "arrived nil 0.111 1 2 paused 11"
    # it leaves at once: 14 more tokens from 110 ms on
    migration '{ stages = 1 }'
    [ "$(times)" = "10 250" ]
    migration '{ last = 63 }' # 1,000 tokens are 63 blocks
    [ "$(times)" = "10 250" ]
    # with last = 0 another stage copies the 10, in 1 ms; it leaves at the boundary after that, with one more
    migration '{ stages = 4, last = 0 }'
    [ "$(times)" = "10 150.1" ]
}

@test "a migration that comes to nothing leaves the request as it was" {
    migration '{}'
    sed -i 's/1000,15/1000,10/' one.csv
    [ "$(times)" = "10 100" ]
    run "$MBSAND" s.lua -q
    says "aborted done 0.1 1 2 decode 10"
    migration '{}' 'function P:schedule(replica, step)
      step:carry() step:admit(replica.queue)
      for req in replica:each_running() do
        if req:generated() == 5 then step:preempt(req, "recompute", replica.queue) end
      end
      step:admit(replica.queue)
      step:quantum(1)
    end'
    run "$MBSAND" s.lua -q
    says "aborted preempted 0.05 1 2 prefill 5"
    # no room for the second stage: 1,000 tokens fill 63 blocks of 16, 10 more need another
    migration '{}'
    sed -i 's/{ name = "all", gpus = 2 }/{ name = "a" }, { name = "b", kv_blocks = 63 }/' s.lua
    [ "$(times)" = "10 150" ]
    run "$MBSAND" s.lua -q
    says "aborted memory 0.11 1 2 decode 11"
    migration '{}' 'function P:init() self.sim:after(0.05, function() print("given up", self.sim:abort(self.one), self.sim:abort(self.one)) end) end
    function P:arrive(req) self.one = req self.sim.replicas[1].queue:push(req) end'
    run "$MBSAND" s.lua -q
    says "given up true false"
    [ "$(times)" = "10 150" ]
    migration '{}' 'function P:init() self.sim:after(0.05, function() self.sim.replicas[2]:fail(1) end) end'
    sed -i 's/e.from.id, e.to.id/e.from and e.from.id, e.to and e.to.id/; s/e.request:phase(), e.request:generated()/e.request and e.request:generated()/' p.lua
    run "$MBSAND" s.lua -q
    says "aborted down 0.05 1 2 5"
    [ "$(times)" = "10 150" ]
}

@test "a transfer from or to a replica that fails is lost with what it carries" {
    fails() { split "function P:init() self.sim:after(0.025, function() self.sim.replicas[$1]:fail(0.1) end) end
      function P:schedule(replica, step) step:carry() step:admit(replica.queue) step:admit(self.sim.queue) end"; }
    # computed again, 101 tokens from 25 ms on, on the other replica
    fails 2
    [ "$(times --set workload.path=one.csv)" = "20 55.2" ]
    fails 1
    [ "$(times --set workload.path=one.csv)" = "20 55.2" ]
}

@test "a cached prefix is copied to another cache" {
    cat >s.lua <<END
return scenario {
  workload = synthetic { arrivals = arrivals.constant { rate = 1 }, prompt = 36, output = 1, limit = 3,
    prefix = { tokens = 64, groups = 1 } },
  cluster = { gpus = 2, link = { seconds_per_token = 0.0002 } },
  latency = latency.step { base = 0.01, per_token = 0.0001 },
  policies = { "./p.lua" },
  seeds = 1,
}
END
    split 'function P:arrive(req)
      local one, two = self.sim.replicas[1], self.sim.replicas[2]
      if req.id == 0 then return one.queue:push(req) end
      if req.id == 2 then
        print("again", self.sim:copy(req, one, two))
        return two.queue:push(req)
      end
      print("copy", one:cached(req), two:cached(req), self.sim:copy(req, one, two))
      self.sim.queue:push(req)
    end
    function P:signal(e)
      print(e.kind, e.request.id, e.from.id, e.to.id, ("%.4f"):format(e.seconds), e.to:cached(e.request))
      e.to.queue:push(e.request)
    end'
    # 100 tokens; 64 on the way in 12.8 ms, then 36; 36
    [ "$(times)" = "20 20, 1026.4 1026.4, 2013.6 2013.6" ]
    run "$MBSAND" s.lua -q
    says "copy 64 0 true"
    says "copied 1 1 2 0.0128 64"
    says "again false cached"
    # What a request left when it was preempted has no name under which another cache could have it.
    split 'function P:schedule(replica, step)
      for req in replica:each_running() do
        step:preempt(req, "recompute")
        local one, two = self.sim.replicas[1], self.sim.replicas[2]
        print("left", one:cached(req), two:cached(req), self.sim:copy(req, one, two))
        function P:schedule(other, later) later:carry() later:admit(other.queue) end
        return self:schedule(replica, step)
      end
      step:admit(replica.queue)
    end'
    sed -i 's/prompt = 36, output = 1, limit = 3,/prompt = 64, output = 2, limit = 1 },/; /prefix = { tokens/d' s.lua
    run "$MBSAND" s.lua -q
    says "left 64 0 false cached"
}

@test "what is copied is of no use behind a block that was lost meanwhile" {
    # The cache of 2 has the first 8 of 16 tokens when the other 8 set out, at 2 s; it loses them before these are there, at 2.8 s.
    cat >t.csv <<END
time,prompt,output,prefix
0,17,1,"[1, 2, 3, 4]"
1,9,1,"[1, 2]"
2,17,1,"[1, 2, 3, 4]"
2.1,16,1,
END
    cat >s.lua <<END
return scenario {
  workload = trace.csv "t.csv" { columns = { time = "time", prompt = "prompt", output = "output", prefix = "prefix" }, prefix_unit = 4 },
  cluster = { gpus = 2, kv_block = 4, kv_blocks = 6, link = { seconds_per_token = 0.1 } },
  latency = latency.step { base = 0.01, per_token = 0.001 },
  policies = { "./p.lua" },
  seeds = 1,
}
END
    split 'function P:arrive(req)
      local one, two = self.sim.replicas[1], self.sim.replicas[2]
      if req.id ~= 2 then return (req.id == 0 and one or two).queue:push(req) end
      print("copy", one:cached(req), two:cached(req), self.sim:copy(req, one, two))
    end
    function P:signal(e)
      print(e.kind, e.seconds, e.to:cached(e.request))
      e.to.queue:push(e.request)
    end'
    run "$MBSAND" s.lua -q
    says "copy 16 8 true"
    says "copied 0.8 0"
    [ "$(times | tr , '\n' | sort -n | tr '\n' ,)" = "27 27, 1019 1019, 2126 2126, 2827 2827," ]
}

@test "mistakes about roles and links are sentences" {
    bad() { # bad CLUSTER SENTENCE
        scenario two.csv "$1" "${3:-$GROUPS_OF_TWO}"
        run "$MBSAND" s.lua -q
        [ "$status" -eq 2 ] && says "$2"
    }
    bad 'link = { bandwidth = -1 }' 'cluster.link.bandwidth is -1; expected a number above 0 (GB/s)'
    bad 'link = { seconds_per_token = 1, latency = -1 }' 'cluster.link.latency is -1; expected a number of at least 0 (seconds)'
    bad 'link = { latency = 1 }' 'cluster.link has neither bandwidth nor seconds_per_token; expected'
    bad 'link = { bandwidth = 1 }' 'cluster.link.bandwidth needs the bytes of a token of group "prefill"'
    bad 'link = { seconds_per_token = 1, from = "prefil" }' 'cluster.link.from is "prefil", and the cluster has no such group; did you mean "prefill"?'
    bad 'link = { { seconds_per_token = 1, to = "x" } }' 'cluster.link[1].to is "x", and the cluster has no such group'
    bad 'link = { seconds_per_token = 1, share = "far" }' 'did you mean "fair"?'
    bad 'link = 3' 'cluster.link is 3; expected cluster.link = {'
    bad 'kv_block = 16' 'role is "prefil"; expected "both", "prefill" or "decode"' '{ name = "a", role = "prefil" }'
    scenario two.csv 'gpus = 1'
    sed -i 's/groups = .*$/link = { seconds_per_token = 1, to = "a" } },/' s.lua
    run "$MBSAND" s.lua -q
    says 'cluster.link.to is "a", and the cluster has no groups (cluster.groups)'
    sed -i 's/latency.step {.*}/latency.batch { alpha = 1, beta = 1, gamma = 1 }/; s/, to = "a"//' s.lua
    run "$MBSAND" s.lua -q
    says 'cluster.link: KV memory does not move under a batch latency model'
}

@test "mistakes of a policy that moves memory are sentences" {
    wrong() { # wrong HOOKS SENTENCE
        split "$1"
        run "$MBSAND" s.lua -q
        [ "$status" -eq 1 ] && says "$2"
    }
    wrong 'function P:stepped(r) for req in r:each_running() do self.sim:send(req, r) end end function P:init() self.sim.replicas[1].role = "both" end' \
        'sim:send: the request runs'
    wrong 'function P:arrive(req) self.sim:send(req, self.sim.replicas[1]) end' 'sim:send: the request has nothing in memory'
    wrong 'function P:handoff(req) for i = 1, 2 do self.sim:send(req, self.sim.replicas[2]) end end' "KV memory is on its way already"
    wrong 'function P:handoff(req) self.sim:send(req, self.sim.replicas[2]) self.sim.queue:push(req) end' 'on its way to another replica; it is queued when it arrives'
    wrong 'function P:handoff(req) self.sim:send(req, self.sim.replicas[2], { layers = 0 }) end' 'layers must be a whole number of layers, from 1'
    wrong 'function P:handoff(req) self.sim:send(req, self.sim.replicas[2], { place = "top" }) end' 'place is "front" or "back", not top'
    wrong 'function P:handoff(req) return 7 end' "the hook 'handoff' returns a replica, or nil to send the request later, not number"
    wrong 'function P:arrive(req) self.sim:migrate(req, self.sim.replicas[2]) end' 'sim:migrate: the request does not decode'
    wrong 'function P:handoff(req) self.sim:migrate(req, self.sim.replicas[2], { stages = 0 }) end' 'sim:migrate: stages must be a whole number of at least 1'
    wrong 'function P:init() self.sim.replicas[1].role = "none" end' 'replica.role is "both", "prefill" or "decode", not "none"'
    sed -i '/link = /s/link = {[^}]*}/kv_block = 16/' s.lua
    wrong 'function P:handoff(req) self.sim:send(req, self.sim.replicas[2]) end' 'sim:send: the scenario does not say what KV memory moves over'
    split ''
    run "$MBSAND" s.lua -q
    says 'and no replica with the role "decode" can be reached from it'
}
