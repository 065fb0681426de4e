# One file to share: pack, run, verify; and what a hostile file may do, which is nothing.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir -p "$TMPDIR" "$BATS_TEST_TMPDIR/here/exp/traces" "$BATS_TEST_TMPDIR/empty"
    cd "$BATS_TEST_TMPDIR/here" || return
    printf 'arrival,prompt,output\n0,100,5\n0.5,10,9\n1,30,40\n1,7,3\n' >exp/traces/four.csv
    echo 'return { batch = 2 }' >exp/settings.lua
    cat >exp/s.lua <<'END'
local settings = dofile "settings.lua"
return scenario {
  workload = trace.csv "traces/four.csv" { columns = { time = "arrival", prompt = "prompt", output = "output" },
    predictor = predict.lognormal(0.5) },
  cluster = { gpus = 1 }, latency = latency.batch{ alpha = 1, beta = 0.01, gamma = 0 }, seeds = 2,
  policies = { { "static_fifo", batch_size = settings.batch }, "./mine.lua" },
}
END
    cat >exp/mine.lua <<'END'
local size = require "size"
local Mine = {}
function Mine:schedule(replica, step) step:admit(self.sim.queue, size()) end
return Mine
END
    echo 'return function() return 3 end' >exp/size.lua
}

teardown() { [ -z "$(ls -A "$TMPDIR" 2>/dev/null)" ] || { ls -R "$TMPDIR"; return 1; }; } # nothing is left behind

says() { grep -qF -- "$1" <<<"$output" || { echo "not printed: $1"; echo "$output"; return 1; }; }
bits() { sed -E 's/,[^,]*,[^,]*$//'; } # without the two measures of the clock

@test "pack, then run in an empty directory with a bare installation: the same bits" {
    "$MBSAND" exp/s.lua --set latency.beta=0.02 --policy static_sjf,batch_size=2 --seeds 3 --format csv | bits >before.csv
    run "$MBSAND" pack exp/s.lua --set latency.beta=0.02 --policy static_sjf,batch_size=2 --seeds 3 -o case.mbs
    [ "$status" -eq 0 ]
    says "9 runs"
    mv case.mbs ../empty && mkdir ../bare && cp -r "$(dirname "$BATS_TEST_DIRNAME")/../lua" ../bare/lua
    mv ../here ../gone && cd ../empty
    export MBSAND_HOME=$BATS_TEST_TMPDIR/bare
    "$MBSAND" run case.mbs --format csv | bits | cmp - ../gone/before.csv
    "$MBSAND" case.mbs --format csv | bits | cmp - ../gone/before.csv
    run "$MBSAND" verify case.mbs
    [ "$status" -eq 0 ]
    says "case.mbs: the same bits in all 9 runs"
    # More options, and paths that mean what they mean here.
    printf 'local P = {}\nfunction P:schedule(r, step) step:admit(self.sim.queue, 1) end\nreturn P\n' >one.lua
    run "$MBSAND" case.mbs --seeds 1 --policy ./one.lua --policy static_fifo --out results --format csv
    [ "$status" -eq 0 ]
    says "one,1,"
    [ "$(wc -l <results/summary.csv)" -eq 6 ]
    [ "$(ls)" = "$(printf 'case.mbs\none.lua\nresults')" ]
}

# within FOLDER COMMAND...: with it as the whole file system.
within() { if [ "$(id -u)" = 0 ]; then chroot "$@"; else unshare -r chroot "$@"; fi; }

@test "pack, then run in an empty root directory, with the program, its libraries and lua/ alone: the same bits" {
    jail=$BATS_TEST_TMPDIR/jail
    mkdir -p "$jail"/{bin,tmp,usr/local/share/mbsand,cases}
    # What the case does not hold: the program, what it is linked with, and its own part in Lua.
    cp "$MBSAND" "$jail/bin/mbsand"
    ldd "$MBSAND" | grep -oE '/[^ ]+' | sort -u | while read -r library; do
        mkdir -p "$jail$(dirname "$library")"
        cp -L "$library" "$jail$library"
    done
    cp -r "$(dirname "$BATS_TEST_DIRNAME")/../lua" "$jail/usr/local/share/mbsand/lua"
    unset TMPDIR
    within "$jail" /bin/mbsand --version >/dev/null 2>err || skip "no root directory can be changed here: $(head -1 err)"
    # Of its own: data, a policy with a module, bins with a rule of its own, a sweep in two sections.
    cat >exp/rule.lua <<'END'
return function(sample, bins)
  local edges = {}
  for i = 1, bins - 1 do edges[i] = 20 * i end
  return edges
end
END
    sed 's|"./mine.lua"|"./mine.lua", { "multi_bin_dynamic", bins = 2, rule = "./exp/rule.lua" }|' exp/s.lua >exp/rules.lua
    grep -q rule.lua exp/rules.lua
    for case in "exp/s.lua --seeds 3 --policy static_sjf,batch_size=2" "exp/rules.lua" "burst --only static_fifo,multi_bin_dynamic --seeds 2" \
        "bin_sensitivity --seeds 1"; do
        # shellcheck disable=SC2086
        "$MBSAND" $case -q --format csv 2>err | bits >before.csv
        [ "$(wc -l <before.csv)" -gt 2 ]
        # shellcheck disable=SC2086
        "$MBSAND" pack $case -o "$jail/cases/case.mbs"
        within "$jail" /bin/mbsand run /cases/case.mbs --format csv -q 2>err | bits >after.csv
        cmp before.csv after.csv || { head -3 err; false; }
        run within "$jail" /bin/mbsand verify /cases/case.mbs
        [ "$status" -eq 0 ]
        says "the same bits in all"
        rm "$jail/cases/case.mbs"
        [ -z "$(ls "$jail/tmp")" ]
    done
}

@test "both Lua engines give the bits of one case" {
    [ -x "${MBSAND_LUAJIT:-}" ] || skip "no build with LuaJIT"
    "$MBSAND" pack exp/s.lua -o case.mbs
    run "$MBSAND_LUAJIT" verify case.mbs
    [ "$status" -eq 0 ]
}

@test "a bundled scenario, and one of several sections that is swept" {
    "$MBSAND" pack burst --seeds 1 --only vllm_v1 -o burst.mbs
    cd ../empty
    run "$MBSAND" verify ../here/burst.mbs
    [ "$status" -eq 0 ]
    cd ../here
    "$MBSAND" pack exp/s.lua --over cluster.gpus=1,2 -o swept.mbs
    run "$MBSAND" verify swept.mbs
    says "the same bits in all 8 runs"
}

@test "verify says what differs" {
    command -v sqlite3 >/dev/null || skip "no sqlite3 to change a case with"
    "$MBSAND" pack exp/s.lua -o case.mbs
    sqlite3 case.mbs "UPDATE sqlar SET sz = 35, data = 'return function() return 1 end     ' WHERE name LIKE '%size.lua'"
    run "$MBSAND" verify case.mbs
    [ "$status" -eq 1 ]
    says "other results"
    says "results.csv"
    says "here:   mine,1,"
}

@test "what would not run elsewhere is not packed" {
    sed "s|traces/four.csv|$PWD/exp/traces/four.csv|" exp/s.lua >exp/absolute.lua
    run "$MBSAND" pack exp/absolute.lua -o case.mbs
    [ "$status" -eq 2 ]
    says "case.mbs is not written, since it would not run elsewhere: the scenario finds "
    says "four.csv only where it lies here: name it by a path from the scenario's folder"
    [ ! -e case.mbs ] && [ ! -e case.mbs.new ]
    run "$MBSAND" pack exp/s.lua
    [ "$status" -eq 2 ]
    says "where to?"
    echo 'error "broken"' >exp/mine.lua
    run "$MBSAND" pack exp/s.lua -o case.mbs
    [ "$status" -ne 0 ]
    [ ! -e case.mbs ]
}

@test "bad, damaged and hostile files get a sentence and write nothing outside" {
    command -v sqlite3 >/dev/null || skip "no sqlite3 to make them with"
    "$MBSAND" pack exp/s.lua -o good.mbs
    echo "no case" >text.mbs
    run "$MBSAND" verify text.mbs
    [ "$status" -eq 2 ]
    says "text.mbs is no case"
    run "$MBSAND" run missing.mbs
    [ "$status" -eq 2 ]
    sqlite3 other.mbs "CREATE TABLE t(x)"
    run "$MBSAND" run other.mbs
    [ "$status" -eq 2 ]
    says "other.mbs is a database, but no case"
    sqlite3 view.mbs "CREATE VIEW sqlar AS SELECT 'case.json' AS name, 33188 AS mode, 0 AS mtime, 2 AS sz, '{}' AS data"
    run "$MBSAND" run view.mbs
    [ "$status" -eq 2 ]
    says "view.mbs is a database, but no case"
    sqlite3 computed.mbs "CREATE TABLE sqlar(name TEXT, mode INT, mtime INT, sz INT, data BLOB AS (hex(zeroblob(99))))"
    run "$MBSAND" run computed.mbs
    [ "$status" -eq 2 ]
    says "computed.mbs is a database, but no case"
    head -c 6000 good.mbs >cut.mbs
    run "$MBSAND" verify cut.mbs
    [ "$status" -ne 0 ]
    says "cut.mbs"
    while IFS='|' read -r change sentence; do
        cp good.mbs bad.mbs
        sqlite3 bad.mbs "$change"
        run "$MBSAND" run bad.mbs
        [ "$status" -eq 2 ] || { echo "$change: $output"; return 1; }
        says "$sentence"
    done <<'END'
INSERT INTO sqlar VALUES('../evil', 33188, 0, 1, 'x')|holds a file with the name '../evil'
INSERT INTO sqlar VALUES('files/../../evil', 33188, 0, 1, 'x')|holds a file with the name
INSERT INTO sqlar VALUES('/tmp/evil', 33188, 0, 1, 'x')|holds a file with the name '/tmp/evil'
INSERT INTO sqlar VALUES('a//evil', 33188, 0, 1, 'x')|holds a file with the name
INSERT INTO sqlar VALUES('', 33188, 0, 1, 'x')|holds a file with the name ''
INSERT INTO sqlar VALUES(NULL, 33188, 0, 1, 'x')|holds a file with the name
INSERT INTO sqlar VALUES('link', 41471, 0, -1, '/etc')|link is no regular file
INSERT INTO sqlar VALUES('folder', 16877, 0, 0, NULL)|folder is no regular file
INSERT INTO sqlar VALUES('bomb', 33188, 0, 900000000, 'small')|bomb claims 900000000 bytes, which cannot be
INSERT INTO sqlar VALUES('bomb', 33188, 0, -7, 'small')|bomb claims -7 bytes
INSERT INTO sqlar VALUES('bad', 33188, 0, 100, 'not packed')|bad is damaged
DELETE FROM sqlar WHERE name = 'case.json'|is no case: it has no case.json
UPDATE sqlar SET data = '{}', sz = 2 WHERE name = 'case.json'|is no case that this mbsand reads
UPDATE sqlar SET name = 'x' WHERE name LIKE '%/s.lua'|is damaged: its case.json names no scenario in it
DELETE FROM sqlar WHERE name = 'results.csv'|it has no results.csv
END
    [ ! -e ../evil ] && [ ! -e evil ] && [ ! -e /tmp/evil ]
}
