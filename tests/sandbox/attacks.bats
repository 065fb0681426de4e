# Everything in attacks/ is one attempt to escape from the sandbox or to exhaust it. The first lines of each say what is
# tried and how it must end:
#   -- expect: SENTENCE      part of what is printed; "-- expect luajit:" or "-- expect 5.4:" where the engines differ
#   -- exit: CODE            1 (the policy's run failed) unless given; 2 = it never ran, 0 = harmless
#   -- reject: control       nothing printed may hold a terminal's control characters
#   -- options: WORDS        more words for the command line
# An attack that is to meet the limit of time gets one of 0.3 s of CPU time. Any other gets none that it could meet first,
# however slow the machine is; what would hang is ended by a limit that stands ten times above what any of them takes.
# Each runs under both engines, beside another policy, which must come through: no crash, no hang, one sentence.

load ../cli/helpers

setup() {
    folder=$BATS_TEST_DIRNAME
    cd "$BATS_TEST_TMPDIR" || return
    cp -r "$folder/attacks/." .
}

header() { # header KEY FILE
    sed -n "s/^-- $1: //p" "$2" | head -n 1
}

# attack BINARY ENGINE NAME: prints what went wrong, if anything.
attack() {
    local binary=$1 engine=$2 name=$3 expected code output seconds=100000 status=0
    expected=$(header "expect $engine" "$name.lua")
    [ -n "$expected" ] || expected=$(header expect "$name.lua")
    code=$(header exit "$name.lua")
    [[ $expected != *"ran longer than 0.3 s"* ]] || seconds=0.3
    # shellcheck disable=SC2046
    output=$(ulimit -t "${CPU_SECONDS:-20}"; timeout -s KILL 900 "$binary" "$folder/small.lua" -p "./$name.lua" --jobs 1 \
        --hook-seconds "$seconds" $(header options "$name.lua") 2>&1 </dev/null | tr '\0' '0'
        exit "${PIPESTATUS[0]}") || status=$?
    [ "$status" -ne 137 ] || { echo "$name: hangs, or was killed"; return; }
    [ "$status" -eq "${code:-1}" ] || echo "$name: exit code $status, expected ${code:-1}: $output"
    [[ $output == *static_fifo*19.82* ]] || echo "$name: the other policy's row is missing: $output"
    if [ "$(header reject "$name.lua")" = control ] && LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]\|\xc2[\x80-\x9f]' <<<"$output"; then
        echo "$name: control characters reach the terminal"
    fi
    output=$(tr -s ' \n\t' ' ' <<<"$output") # notes are wrapped
    [[ $output == *"$expected"* ]] || echo "$name: expected '$expected' in: $output"
}

every_attack() { # every_attack BINARY ENGINE COMPILER
    local file
    [ -x "$1" ] || skip "no build for $2"
    make_bytecode "$3" bytecode.lua
    for file in *.lua; do
        [ "$file" = bytecode.lua ] || attack "$1" "$2" "${file%.lua}" >>wrong
    done
    cat wrong
    [ ! -s wrong ]
}

@test "every attack is contained under Lua 5.4" { every_attack "$MBSAND" 5.4 lua5.4; }

@test "every attack is contained under LuaJIT" { every_attack "$MBSAND_LUAJIT" luajit luajit; }

@test "every attack is contained under Lua 5.4 with ASan" {
    CPU_SECONDS=240 every_attack "$MBSAND_ASAN" 5.4 lua5.4
}

@test "every attack is contained under LuaJIT with ASan" {
    CPU_SECONDS=240 every_attack "$MBSAND_ASAN_LUAJIT" luajit luajit
}
