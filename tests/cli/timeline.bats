# --timeline: what happened when, in the trace-event format; read here by jq.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    # A batch of one takes as many seconds as it has tokens: A 10, B 20, C 2.
    printf 't,in,out\n0,5,5\n1,5,15\n2,1,1\n' >three.csv
    cat >three.lua <<'END'
return scenario { workload = trace.csv "three.csv" { columns = { time = "t", prompt = "in", output = "out" } },
  latency = latency.batch { alpha = 0, beta = 1, gamma = 0 }, cluster = { gpus = 1, kv_tokens = 50 }, seeds = 1,
  policies = { { "static_fifo", batch_size = 1, label = 'a "b"\\' }, { "static_sjf", batch_size = 1, label = "sjf" } } }
END
    cat >steps.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 2 }, prompt = lengths.uniform { low = 50, high = 400 },
    output = lengths.uniform { low = 20, high = 300 }, limit = 150 },
  latency = latency.step { base = 0.02, per_token = 2e-4, per_context = 1e-6 }, cluster = { gpus = 2, kv_blocks = 60, kv_block = 16 },
  policies = { "vllm_v1", "static_fifo", "./rejects.lua" }, seeds = 2 }
END
    cat >rejects.lua <<'END'
local Rejects = {}
function Rejects:arrive(request)
  if request.prompt_tokens > 300 then return self.sim:reject(request, "too long") end
  self.sim.inbox:push(request)
end
function Rejects:schedule(replica, step)
  self.sim:observe("asked", replica.running)
  step:carry()
  step:admit(self.sim.inbox, 1)
end
return Rejects
END
}

# picks FILTER: of the file's events, those of process 1, as lines
picks() { jq -c ".traceEvents[] | select(.pid == 1) | $1" t.json; }

@test "three requests, worked by hand" {
    "$MBSAND" three.lua --timeline t.json >/dev/null
    [ "$(jq -r '.traceEvents[] | select(.name == "process_name") | .args.name' t.json)" = $'mbsand\na "b"\\\nsjf' ]
    [ "$(picks 'select(.ph == "X") | [.tid, .name, .ts, .dur, .args.members]')" = '[1,"batch",0,10000000,"0"]
[1,"batch",10000000,20000000,"1"]
[1,"batch",30000000,2000000,"2"]' ]
    [ "$(picks 'select(.name == "waiting" and .ph == "C") | [.ts / 1e6, .args.requests]')" = '[0,0]
[1,1]
[2,2]
[10,1]
[30,0]' ]
    [ "$(picks 'select(.name == "running") | [.ts / 1e6, .args.requests]')" = '[0,1]
[32,0]' ]
    [ "$(picks 'select(.name == "KV memory, replica 1") | [.ts / 1e6, .args.tokens]')" = '[0,10]
[10,10]
[10,0]
[10,20]
[30,20]
[30,0]
[30,2]
[32,2]
[32,0]' ]
    # The life of B: it came at 1 s and had its batch from 10 to 30.
    [ "$(picks 'select(.cat == "request" and .id2.local == "1") | [.ph, .name, .ts / 1e6]' | head -3)" = '["b","request",1]
["b","waiting",1]
["e","waiting",10]' ]
    [ "$(picks 'select(.cat == "request" and .id2.local == "1") | [.ph, .name, .ts / 1e6]' | tail -2)" = '["e","decode",30]
["e","request",30]' ]
    [ "$(picks 'select(.name == "admit") | [.ts / 1e6, .args.request]')" = '[0,0]
[10,1]
[30,2]' ]
}

@test "the same file for any number of threads and with --step; every part adds up" {
    "$MBSAND" steps.lua --jobs 1 --timeline t.json >one.txt
    "$MBSAND" steps.lua --jobs 3 --timeline threads.json >/dev/null
    "$MBSAND" steps.lua --step --timeline step.json >/dev/null
    cmp t.json threads.json
    cmp t.json step.json
    "$MBSAND" steps.lua >plain.txt
    cmp one.txt plain.txt
    "$MBSAND" steps.lua --seeds 1 --only vllm_v1 --out d --dump requests,batches,preemptions,decisions --timeline one.json >/dev/null
    # A slice for each run of equal steps; nothing on a track overlaps; all that nests is closed.
    [ "$(picks 'select(.ph == "X") | .tid' | wc -l)" -eq $(($(wc -l <d/batches-vllm_v1-1.csv) - 1)) ]
    [ "$(picks 'select(.name == "preempt") | .tid' | wc -l)" -eq $(($(wc -l <d/preemptions-vllm_v1-1.csv) - 1)) ]
    picks 'select(.name == "preempt")' | grep -q '"how":"recompute"'
    jq -e '[.traceEvents[] | select(.ph == "X")] | group_by([.pid, .tid]) | all(sort_by(.ts) |
        [.[:-1], .[1:]] | transpose | all(.[0].ts + .[0].dur <= .[1].ts))' t.json
    jq -e '[.traceEvents[] | select(.cat == "request")] | group_by([.pid, .id2.local, .name]) |
        all((map(select(.ph == "b")) | length) == (map(select(.ph == "e")) | length))' t.json
    # What a request did fills its life without a hole.
    jq -e '[.traceEvents[] | select(.cat == "request" and .pid == 1)] | group_by(.id2.local) | all(
        (map(select(.name == "request") | if .ph == "e" then .ts else -.ts end) | add) as $whole |
        (map(select(.name != "request") | if .ph == "e" then .ts else -.ts end) | add) as $parts |
        ($whole - $parts | fabs) < 0.01)' t.json
    # Rejections and what a policy observes.
    jq -e '[.traceEvents[] | select(.pid == 3 and .name == "reject")] | length > 10' t.json
    jq -e '[.traceEvents[] | select(.pid == 3 and .name == "asked" and .ph == "i" and .tid > 0)] | length > 10' t.json
    # Memory is never more than there is.
    jq -e '[.traceEvents[] | select(.ph == "C") | .args.tokens // 0] | max <= 960 and max > 900' t.json
}

@test "a static batch of an engine holds memory, here and in a dump" {
    printf 't,in,out\n0,5,5\n' >three.csv
    cat >static.lua <<'END'
local Static = {}
function Static:schedule(replica, step)
  if replica.running == 0 and step:admit(self.sim.inbox) > 0 then step:barrier() end
end
return Static
END
    sed -i 's/latency = .*/latency = latency.step { base = 1 }, cluster = { gpus = 1, kv_blocks = 5, kv_block = 4 }, policies = { ".\/static.lua" } }/; /policies = { {/d' three.lua
    "$MBSAND" three.lua --seeds 1 --timeline t.json --out d --dump batches >/dev/null
    grep -q ',12,1$' d/batches-static-1.csv
    [ "$(picks 'select(.name == "KV memory, replica 1") | .args.tokens' | tr '\n' ' ')" = "12 12 0 " ]
}

@test "memory that moves, a replica that fails, one that comes later" {
    cat >pools.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson{ rate = 6 }, prompt = lengths.uniform(500, 1500), output = 100, limit = 60 },
  latency = latency.step{ base = 0.010, per_token = 5e-5, per_context = 7e-8 },
  cluster = { kv_blocks = 4000, kv_bytes_per_token = 131072, link = { bandwidth = 25, latency = 0.001 },
    groups = { { name = "prefill", role = "prefill", gpus = 1 }, { name = "decode", role = "decode", gpus = 2 } } },
  failures = { { at = 5, replica = 3, repair = 2 } }, policies = { "./split.lua" }, seeds = 1 }
END
    cat >split.lua <<'END'
local Split = {}
function Split:init() self.sim:after(3, function() self.sim:add{ group = "decode", delay = 0.5 } end) end
function Split:arrive(req) self.sim:group("prefill")[1].queue:push(req) end
function Split:schedule(replica, step)
  step:carry()
  step:admit(replica.queue)
end
return Split
END
    "$MBSAND" pools.lua --timeline t.json >/dev/null
    "$MBSAND" pools.lua --step --timeline step.json >/dev/null
    cmp t.json step.json
    [ "$(jq -r '[.traceEvents[] | select(.name == "thread_name") | .args.name] | join(" ")' t.json)" = "replica 1 replica 2 replica 3 replica 4" ]
    jq -e '[.traceEvents[] | select(.ph == "X") | .tid] | unique == [1, 2, 3, 4]' t.json
    # Each arrow from the replica that prefills to one that decodes, as long as a piece of a life.
    jq -e '[.traceEvents[] | select(.cat == "transfer")] | group_by(.id) | length == 60 and all(length == 2 and .[0].tid == 1 and .[1].tid > 1)' t.json
    jq -e '(.traceEvents | map(select(.name == "moving") | if .ph == "e" then .ts else -.ts end) | add) as $pieces |
        (.traceEvents | map(select(.name == "transfer") | if .ph == "f" then .ts else -.ts end) | add) as $arrows | ($pieces - $arrows | fabs) < 0.01' t.json
    jq -e '[.traceEvents[] | select(.name == "lost") | [.ts, .tid]] | length > 0 and all(. == [5000000, 3])' t.json
    picks 'select(.name == "preempted" and .ph == "b")' | grep -q '"how":"failure"'
    jq -e '[.traceEvents[] | select(.cat == "request" and .name != "request")] | group_by(.id2.local) |
        map(map(if .ph == "e" then .ts else -.ts end) | add) | add as $parts | $parts > 0' t.json
    "$MBSAND" report pools.lua -q -o pools.html >/dev/null
    grep -q '"memory":' pools.html
}

@test "a window has what overlaps it, whole" {
    "$MBSAND" steps.lua --timeline t.json --timeline-window 20..30 >/dev/null
    "$MBSAND" steps.lua --timeline all.json >/dev/null
    jq -c '.traceEvents[] | select(.ph == "X" and .ts <= 30e6 and .ts + .dur >= 20e6)' all.json >want.txt
    jq -c '.traceEvents[] | select(.ph == "X")' t.json >got.txt
    diff want.txt got.txt
    [ "$(jq '[.traceEvents[] | select(.ph == "i" and (.ts < 20e6 or .ts > 30e6))] | length' t.json)" -eq 0 ]
    jq -e '.otherData | [.window_from_s, .window_to_s] == [20, 30]' t.json
    "$MBSAND" steps.lua --timeline t.json --timeline-window ..0.001 >/dev/null
    jq -e '[.traceEvents[] | select(.ph == "X")] | length == 0' t.json
    run -2 "$MBSAND" steps.lua --timeline t.json --timeline-window 30..20
    says "'30..20' is not two moments in seconds"
    run -2 "$MBSAND" steps.lua --timeline-window 2..3
    says "--timeline-window is the part that --timeline FILE has"
}

@test "a run that fails leaves NAME.part, whole as JSON; a folder that is not there is said" {
    cat >rejects.lua <<'END'
local Fails = {}
function Fails:schedule(replica, step)
  if self.sim.now > 5 then error("no") end
  step:carry()
  step:admit(self.sim.inbox, 1)
end
return Fails
END
    run -1 "$MBSAND" steps.lua --timeline t.json
    says "the timeline of runs that did not come to their end is in t.json.part"
    [ ! -e t.json ]
    jq -e '.traceEvents | length > 100' t.json.part
    run -1 "$MBSAND" steps.lua --timeline none/t.json
    says "cannot write none/t.json"
}
