# The page in a browser: its core under Node, against the program.

bats_require_minimum_version 1.5.0
load helpers

core() { node "$root/tests/cli/playground.cjs" "$root/build/playground" "$@"; }

setup() {
    command -v emcc >/dev/null && command -v node >/dev/null || skip "needs emscripten and nodejs"
    [ -e "$root/build/playground/core.wasm" ] || skip "needs make playground"
    cd "$BATS_TEST_TMPDIR" || return
}

# Every digit of every run, but for what the clock measured.
measures() { awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) drop[i] = $i ~ /^sim_(wall_s|requests_per_s)$/ } { for (i = 1; i <= NF; i++) if (!drop[i]) printf "%s,", $i; print "" }' "$1"; }

@test "the same table as the program's, and the same bits behind it" {
    cat >own.lua <<'END'
local Shortest = { params = { batch_size = 16 } }
function Shortest:init() self.sim.inbox = self.sim:queue { by = "predicted_total" } end
function Shortest:schedule(replica, step)
  if replica.running == 0 then step:admit(self.sim.inbox, self.params.batch_size) step:barrier() end
end
return Shortest
END
    core run burst --seeds 2 -q -p ./own.lua --set cluster.gpus=3 -o page.html >core.txt 2>core.err
    "$MBSAND" burst --seeds 2 -q -p ./own.lua --set cluster.gpus=3 --why >program.txt
    cmp core.txt program.txt
    "$MBSAND" burst --seeds 2 -q -p ./own.lua --set cluster.gpus=3 --why --format csv >program.csv 2>/dev/null
    measures runs.csv >core.measures
    measures program.csv >program.measures
    [ "$(wc -l <core.measures)" -eq 17 ]
    cmp core.measures program.measures
    grep -q 'id="data"' page.html
    # Arrivals and lengths by chance, and a report of the scenario's own.
    core run multi_bin_theory --seeds 1 --set workload.limit=4000 -q -o page.html >core.txt 2>/dev/null
    "$MBSAND" multi_bin_theory --seeds 1 --set workload.limit=4000 -q --why >program.txt 2>/dev/null
    cmp core.txt program.txt
}

@test "mistakes of a policy have the program's words, and its budgets" {
    printf 'local P = {}\nfunction P:schedule()\n  while true do end\nend\nreturn P\n' >endless.lua
    run -1 core run burst --seeds 1 --only static_fifo -p ./endless.lua --hook-seconds 0.2 -q
    says "./endless.lua:3: schedule ran longer than 0.2 s of CPU time (limits.hook_seconds); is there an endless loop?"
    printf 'local P = {}\nwhile true do end\nreturn P\n' >loading.lua
    run -2 core run burst --seeds 1 --only static_fifo -p ./loading.lua --hook-seconds 0.2 -q
    says "./loading.lua:2: the script ran longer than 0.2 s"
    printf 'local P = {}\nfunction P:schedule() self.x = (self.x or "x") .. (self.x or "x") end\nreturn P\n' >greedy.lua
    run -1 core run burst --seeds 1 --only static_fifo -p ./greedy.lua -q
    says "used more than 64 MiB of memory"
    printf 'local P = {}\nfunction P:schedule()\n  local x = \nend\nreturn P\n' >typo.lua
    run -2 core check ./typo.lua
    says "./typo.lua:4: unexpected symbol near 'end'"
    run -2 core nonsense
    says "expected run, check or list"
}
