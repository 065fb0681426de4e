# Shared by the tests of the command line. The runner names the builds; by hand, `make` and `make LUA=luajit` are enough.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${MBSAND:=$root/build/lua5.4-release-gcc/mbsand}"
: "${MBSAND_LUAJIT:=$root/build/luajit-release-gcc/mbsand}"
: "${MBSAND_ASAN:=$root/build/lua5.4-asan-gcc/mbsand}"
: "${MBSAND_ASAN_LUAJIT:=$root/build/luajit-asan-gcc/mbsand}"
export COLUMNS=100

make_bytecode() { # make_bytecode ENGINE FILE: a policy, compiled
    "$1" -e 'local f = io.open(arg[1], "wb") f:write(string.dump(function() return {} end)) f:close()' "$2" 2>/dev/null ||
        "$1" - "$2" <<<'local f = io.open(arg[1], "wb") f:write(string.dump(function() return {} end)) f:close()'
}

# says TEXT: the last `run` printed it, wherever its lines were wrapped.
says() {
    local flat
    flat=$(tr -s ' \n\t' ' ' <<<"$output")
    [[ $flat == *"$1"* ]] || { echo "expected: $1"; echo "printed:  $output"; return 1; }
}

# until_busy PID: wait until it has used half a second of CPU, ten times what it takes to start.
until_busy() {
    for _ in $(seq 1200); do
        (($(awk '{ print $14 + $15 }' "/proc/$1/stat") * 2 < $(getconf CLK_TCK))) || return 0
        sleep 0.1
    done
    echo "$1 has nothing to do"
    return 1
}

# The next four are for times that are worked by hand, step by step.

small_traces() { # two.csv, one.csv and batch.csv
    printf 't,p,o\n0,100,5\n0.025,100,2\n' >two.csv
    printf 't,p,o\n0,100,4\n' >one.csv
    printf 't,p,o\n0,10,10\n0,10,90\n' >batch.csv
}

step_scenario() { # step_scenario TRACE CLUSTER MORE: s.lua with my.lua, steps of 10 ms + 0.1 ms T
    cat >s.lua <<END
return scenario {
  workload = trace.csv "$1" { columns = { time = "t", prompt = "p", output = "o" } },
  cluster = { gpus = 1, kv_block = 1, kv_blocks = 10000, prefix_cache = false $2 },
  latency = latency.step { base = 0.01, per_token = 0.0001 },
  $3
  policies = { "./my.lua" },
  seeds = 1,
}
END
}

policy() { # policy BODY: my.lua
    printf 'local P = {}\nfunction P:schedule(replica, step)\n  %s\nend\nreturn P\n' "$1" >my.lua
}

# interrupting HOW: sets a running request aside at the third call, and leaves the replica idle until 40.1 ms.
interrupting() {
    policy "self.calls = (self.calls or 0) + 1
  if self.calls == 3 then
    for req in replica:each_running() do step:preempt(req, '$1') end
    step:idle(0.0401)
    return
  end
  step:carry()
  if self.calls == 2 then step:quantum(1) end
  step:admit(self.sim.queue)"
}

# runs_alike WHAT: s.lua runs without a complaint, jumping and step by step, with both engines of Lua, and the dumps of WHAT
# are the same.
runs_alike() {
    local binary way sum first=
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        for way in "" --step; do
            rm -rf o
            run "$binary" s.lua --quiet --out o --dump "$1" $way
            [ "$status" -eq 0 ] || { echo "$output"; return 1; }
            rm o/summary.*
            sum=$(cat o/*.csv | cksum)
            [ "$sum" = "${first:=$sum}" ] || { echo "$binary $way differs"; return 1; }
        done
    done
}
