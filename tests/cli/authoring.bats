#!/usr/bin/env bats
# What helps to write a policy: runs that repeat when a file is saved.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }
teardown() { [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null || true; }

small() { # s.lua with my.lua
    cat >s.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.constant { rate = 1 }, prompt = 10, output = 5, limit = 20 },
  cluster = { gpus = 1, kv_blocks = 100 }, latency = latency.step { base = 0.01 }, policies = { "./my.lua" }, seeds = 1,
}
END
    cat >my.lua <<'END'
local P = { params = { most = 4 } }
function P:schedule(_, step)
  step:carry()
  step:admit(self.sim.queue, self.params.most)
end
return P
END
}

comes() { # comes TEXT FILE: until the text is there
    until grep -qF -- "$1" "$2"; do
        kill -0 "$watcher" || { cat "$2"; return 1; }
        sleep 0.1
    done
}

@test "run --watch: again when a file is saved, also after a mistake and in the middle of a run" {
    small
    "$MBSAND" run s.lua -q --watch >out 2>err 3>&- &
    watcher=$!
    comes "waiting for a file to be saved" err
    [ "$(grep -c '^my  *1.050' out)" -eq 1 ]
    sed -i 's/step:admit/step:admt/' my.lua
    comes "admt" out
    sed -i 's/seeds = 1/seeds = 1, limits = { hook_seconds = 3600 }/' s.lua
    sed -i 's/step:admt/step:admit/; s/step:carry()/step:carry() if self.sim.now > 15 then while true do end end/' my.lua
    until [ "$(grep -c 'running again' err)" -ge 2 ]; do sleep 0.1; done # it never ends
    sed -i 's/while true do end/step:quantum(1)/' my.lua
    until [ "$(grep -c '^my  *1.050' out)" -eq 2 ]; do sleep 0.1; done
    kill -0 "$watcher"
}

@test "run --watch: not of a case" {
    run "$MBSAND" run "$root/tests/corpus/case/small.mbs" --watch
    [ "$status" -eq 2 ]
    says "--watch: nothing in a case is edited; give a scenario"
}
