# The kernel's walls around policy threads (tests/unit/test_walls.c tries them with an opened Lua).

load ../cli/helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    small="$root/tests/sandbox/small.lua"
    "$MBSAND" --version | grep -q 'seccomp' || skip "this kernel has no walls"
}

@test "results are the same behind the walls and without" {
    for options in "" --no-os-sandbox; do
        # shellcheck disable=SC2086
        "$MBSAND" "$root/scenarios/burst.lua" --quiet --seeds 2 --set workload.limit=1000 $options >"out$options"
    done
    cmp out out--no-os-sandbox
}

@test "a trace that is put in order through a file, also for the sample that a policy's init looks at" {
    awk 'BEGIN { print "t,p,o"; for (i = 0; i < 600011; i++) print i * 300007 % 600011 + 0.5 ",10," i % 7 + 1 }' >trace.csv
    cat >s.lua <<'END'
return scenario { cluster = { gpus = 1 }, latency = latency.step { base = 0.01 }, policies = { "multi_bin" }, seeds = 1,
  workload = trace.csv "trace.csv" { sort = true, limit = 3, columns = { time = "t", prompt = "p", output = "o" } } }
END
    "$MBSAND" s.lua --quiet --dump requests --out dump
    # i * 300007 is 0, 1 and 2 (of 600011) for i = 0, 400008 and 200005.
    [ "$(cut -d, -f3,5 dump/requests-multi_bin-1.csv | tr '\n' ' ')" = "arrival_s,output_tokens 0,1 1,1 2,2 " ]
}

@test "rules and modules are read in init, and not once the run has begun" {
    printf 'return { size = 8 }\n' >helper.lua
    printf 'return function(lengths, k) return { lengths[1], lengths[#lengths] } end\n' >rule.lua
    cat >early.lua <<'END'
local Early = {}
function Early:init()
  self.size = require("helper").size
  self.bins = self.sim:bins{ key = "predicted_output", rule = "./rule.lua", count = 3 }
end
function Early:arrive(req) self.bins:push(req) end
function Early:schedule(_, step)
  for i = 1, #self.bins do step:admit(self.bins[i], require("helper").size) end
end
return Early
END
    run "$MBSAND" "$small" -p ./early.lua --quiet
    echo "$output"
    [ "$status" -eq 0 ]
    cat >late.lua <<'END'
local Late = {}
function Late:schedule(_, step) step:admit(self.sim.queue, require("helper").size) end
return Late
END
    run "$MBSAND" "$small" -p ./late.lua --quiet
    [ "$status" -eq 1 ]
    says "no file is opened once the run has begun"
}
