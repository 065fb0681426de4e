# The page in a browser: its core under Node, against the program.

bats_require_minimum_version 1.5.0
load helpers

core() { node "$root/src/playground/core.cjs" "$root/build/playground" "$@"; }

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
    says "expected run, check, list or describe"
}

@test "the server hands out the page's files to this machine, and nothing else" {
    "$MBSAND" playground --port 0 >url.txt &
    server=$!
    for _ in $(seq 100); do [ -s url.txt ] && break; sleep 0.05; done
    url=$(cat url.txt)
    [[ $url == http://127.0.0.1:*/ ]]
    node - "$url" "$root/build/playground/core.wasm" >answers.txt <<'END'
const [url, file] = process.argv.slice(2), net = require("net"), { hostname, port } = new URL(url);
const raw = (text) => new Promise((done) => { let all = ""; net.connect(port, hostname).on("data", (d) => (all += d.toString("latin1"))).on("close", () => done(all)).write(text); });
(async () => {
  net.connect(port, hostname); // says nothing, as browsers do in advance: nobody waits for it
  const wasm = await fetch(url + "core.wasm");
  console.log(wasm.status, wasm.headers.get("content-type"), Buffer.compare(Buffer.from(await wasm.arrayBuffer()), require("fs").readFileSync(file)));
  console.log((await fetch(url)).headers.get("content-type"), (await fetch(url + "index.html?x")).status);
  for (const path of ["/../Makefile", "/%2e%2e/Makefile", "//etc/passwd", "/core.js/", "index.html"])
    console.log((await raw("GET " + path + " HTTP/1.1\r\n\r\n")).split("\r\n")[0]);
  console.log((await raw("POST / HTTP/1.1\r\n\r\n")).split("\r\n")[0], (await raw("HEAD / HTTP/1.0\r\n\r\n")).endsWith("\r\n\r\n"));
  console.log((await raw("x".repeat(8191))).split("\r\n")[0], (await raw("\r\n\r\n")).split("\r\n")[0]);
  process.exit(0);
})();
END
    run -1 "$MBSAND" playground --port "$(cut -d: -f3 url.txt | tr -d /)"
    says "cannot listen on port"
    kill -INT "$server" && wait "$server"
    cat >want.txt <<'END'
200 application/wasm 0
text/html; charset=utf-8 200
HTTP/1.1 404 Not Found
HTTP/1.1 404 Not Found
HTTP/1.1 404 Not Found
HTTP/1.1 404 Not Found
HTTP/1.1 404 Not Found
HTTP/1.1 405 Method Not Allowed true
HTTP/1.1 405 Method Not Allowed HTTP/1.1 405 Method Not Allowed
END
    diff want.txt answers.txt
    run -2 "$MBSAND" playground --port 70000
    says "is not a whole number from 0 to 65535"
}

@test "in a browser: the first run, for whom it is usable, a mistake at its line, what is offered, Stop and the link" {
    fetched=${XDG_CACHE_HOME:-$HOME/.cache}/mbsand-playground
    command -v chromium >/dev/null && [ -e "$fetched/node_modules/playwright-core" ] || skip "needs chromium and playwright-core"
    "$MBSAND" playground --port 0 >url.txt &
    server=$!
    for _ in $(seq 100); do [ -s url.txt ] && break; sleep 0.05; done
    CHROMIUM=$(command -v chromium) node "$root/tests/cli/playground_page.cjs" "$(cat url.txt)" "$fetched" >found.json || { kill "$server"; false; }
    kill -INT "$server" && wait "$server"
    jq -e '.wrong == [] and .unnamed == []' found.json || { jq .wrong,.unnamed found.json; false; }
    # The table is that of the command beside it, which is told for whoever wants it.
    jq -r .table found.json >page.txt
    sed -n '/^```lua$/,/^```$/p' "$root/README.md" | sed '1d;/^```/,$d' >my_policy.lua
    command=$(jq -r .command found.json)
    [[ $command == "mbsand burst "*"--policy ./my_policy.lua"* ]]
    # shellcheck disable=SC2086 # words on purpose
    "$MBSAND" ${command#mbsand } -q >program.txt
    diff program.txt <(sed '$d' page.txt)
    # There was one after a seed of each policy, which grew.
    jq -e '(.tables | length > 1) and (.tables[0] | contains("only 4 of 12 runs finished")) and .tables[-1] == .table' found.json
    # axe-core finds nothing serious in page and report, in both themes; Tab meets all, seen, and leaves the editor; paper is light.
    jq -e '.axe | length == 4 and all(length == 1 and .[0] > 20)' found.json || { jq .axe found.json; false; }
    jq -e '.unmet == [] and (.walk | length > 20 and all(.[0] == "charts" or .[1]))' found.json || { jq -c '.unmet, (.walk | length), (.walk[] | select(.[1] | not))' found.json; false; }
    jq -e '.paper == {ink: "rgb(27, 27, 27)", seen: ["editor", "scenario", "table"], cut: 0}' found.json || { jq .paper found.json; false; }
    jq -e '.charts > 0 and .failed_page == "burst"' found.json
    jq -e '.mistake | startswith("line 3: attempt to perform arithmetic on a nil value") and (contains("traceback") | not)' found.json
    jq -e '.printed | startswith("my_policy: seen\n")' found.json
    jq -e '.marks == ["  step:admit(nil + 1)"]' found.json
    jq -e '.offered | index("each_running") and index("kv") and (index("admit") | not)' found.json
    jq -e '(.sweep[0] | contains("--over cluster.gpus=3,4")) and (.sweep[1] | contains("first of 2 points"))' found.json || { jq .sweep found.json; false; }
    jq -e '.linked == ["continuous_burst", "1", true]' found.json
}
