# Bad days of a kind of their own; those that come at every allocation and call are in tests/faults/faults.lua. What is
# finished is printed, everything else is a sentence, and no file stands under its name that is not whole.
# bats file_tags=faults

load helpers

setup_file() {
    [[ $(uname -sm) == "Linux x86_64" ]] || skip "the library of faults is for Linux on x86-64"
    export FAULTS=$BATS_FILE_TMPDIR/faults.so
    cc -O1 -Wall -Wextra -Werror -shared -fPIC "$(dirname "$BATS_TEST_FILENAME")/../faults/faults.c" -o "$FAULTS"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    small="$root/tests/sandbox/small.lua"
}

# faulty FAULT COMMAND...: sets code, and leaves out and err.
faulty() {
    local fault=$1
    shift
    code=0
    env MB_FAULTS_LOG=counts "$fault" LD_PRELOAD="$FAULTS" "$@" >out 2>err || code=$?
    [ "$code" -ne 77 ] || skip "no seccomp filters here"
}

# wrong WHAT: shows it and fails.
wrong() {
    echo "$1: exit code $code"
    cat out err
    return 1
}

@test "writes that take one byte only change nothing" {
    faulty MB_FAIL_CALL=write:0:1 "$MBSAND" "$small" --quiet --jobs 1 --out right.d --dump requests,batches
    cp out right
    for k in 1 2 3 4 5; do
        faulty "MB_FAIL_CALL=write:$k+:0" "$MBSAND" "$small" --quiet --jobs 1 --out d --dump requests,batches
        [ "$code" -eq 0 ] || wrong "write:$k+:0"
        cmp out right
        cmp right.d/requests-static_fifo-1.csv d/requests-static_fifo-1.csv
        cmp right.d/batches-static_fifo-1.csv d/batches-static_fifo-1.csv
    done
}

@test "a failed rename: a sentence that names the file" {
    faulty MB_FAIL_CALL=rename:1:28 "$MBSAND" "$small" --quiet --jobs 1 --out d --dump requests
    [ "$code" -eq 1 ]
    output=$(cat out err)
    says "cannot write d/requests-static_fifo-1.csv: No space left on device"
}

@test "a clock that is set back stops neither a run nor its limits" {
    cat >loop.lua <<'END'
local Loop = {}
function Loop:schedule() while true do end end
return Loop
END
    faulty MB_CLOCK_BACK=1 "$MBSAND" "$small" -p ./loop.lua --quiet --jobs 1
    [ "$code" -eq 1 ]
    output=$(cat out err)
    says "schedule ran longer than 1 s of CPU time"
    grep -q '^static_fifo  *[0-9]' out
}

@test "no file handle in the middle of a case: its files are removed, or named" {
    mkdir room
    export TMPDIR=$PWD/room
    cp "$small" ./small.lua
    "$MBSAND" pack ./small.lua -o small.mbs
    faulty MB_FAIL_CALL=open:0:1 MB_FAULTS_LOG="$PWD/counts" "$MBSAND" verify small.mbs
    [ "$code" -eq 0 ] || wrong "without a fault"
    read -r _ total <counts
    for ((k = 1; k <= total; k += 4)); do
        faulty "MB_FAIL_CALL=open:$k:24" MB_FAULTS_LOG="$PWD/counts" "$MBSAND" verify small.mbs
        ((code <= 2)) || wrong "open:$k"
        [ -z "$(ls room)" ] || wrong "open:$k: $(ls room) is left"
    done
    faulty "MB_FAIL_CALL=open:$((total - 20))+:24" MB_FAULTS_LOG="$PWD/counts" "$MBSAND" verify small.mbs # nothing can be opened to the end
    for folder in room/*; do
        [ ! -e "$folder" ] || grep -q "^mbsand: .*/$folder, with the files of the case, could not be removed" err || wrong "$folder"
    done
}
