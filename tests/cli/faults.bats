# Bad days: no memory, a full disk, no file handles, a clock set back, a trace that shrinks. tests/faults/faults.c makes
# them. What is finished is printed, everything else is a sentence, and no file stands under its name that is not whole.
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

# faulty FAULT COMMAND...: sets code, and leaves out and err. A minute is a hang.
faulty() {
    local fault=$1
    shift
    code=0
    timeout 60 env MB_FAULTS_LOG=counts "$fault" LD_PRELOAD="$FAULTS" "$@" >out 2>err || code=$?
    [ "$code" -ne 77 ] || skip "no seccomp filters here"
}

# wrong WHAT: shows it and fails.
wrong() {
    echo "$1: exit code $code"
    cat out err
    return 1
}

# starve COMMAND...: whatever allocation fails, alone or with all that follow, the table is right or there is a sentence.
starve() {
    faulty MB_FAIL_ALLOC=0 "$@"
    [ "$code" -eq 0 ] || wrong "without a fault"
    cp out right
    local total n=1 after rows
    read -r total _ <counts
    [ "$total" -gt 1000 ]
    while ((n <= total)); do
        for after in "" +; do
            faulty "MB_FAIL_ALLOC=$n$after" "$@"
            if ((code == 0)); then cmp -s out right || wrong "$n$after: another table"
            else
                ((code <= 2)) || wrong "$n$after"
                grep -qE '^mbsand: |failed with seed' err out || wrong "$n$after: no sentence"
                # Rows are those of the whole table, where it does not warn of runs that failed.
                rows=$(grep -E '^(static_fifo|sarathi|vllm_v1) ' out || true)
                [[ -z $rows ]] || grep -q 'failed with seed' out || ! grep -vxFf right <<<"$rows" || wrong "$n$after: other rows"
            fi
        done
        if ((n < 40)); then n=$((n + 1)); else n=$((n + n / 6)); fi
    done
}

@test "no allocation of a batch run is missed without a sentence" {
    starve "$MBSAND" "$small" --quiet --jobs 1
}

@test "no allocation of a step run, a sweep and its dumps is missed without a sentence" {
    cat >steps.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = lengths.uniform { low = 10, high = 200 },
    output = lengths.uniform { low = 5, high = 100 }, limit = 100 },
  cluster = { gpus = 2, kv_tokens = 2000 },
  latency = latency.step { base = 0.005, per_token = 1e-5 },
  policies = { "sarathi", "vllm_v1" },
  over = { { "cluster.gpus", { 2, 3 } } },
  seeds = 2,
}
END
    starve "$MBSAND" steps.lua --quiet --jobs 1 --out out.d --dump requests,batches
}

# whole FILE: every row has the header's fields, and the last one its end.
whole() {
    [ -z "$(tail -c 1 "$1")" ] && awk -F, 'NR == 1 { n = NF } NF < n { exit 1 }' "$1"
}

# break_calls NAME ERRNO...: each call of that name, alone or with all that follow.
break_calls() {
    local name=$1 total k error after file rows
    shift
    rm -rf right.d
    faulty "MB_FAIL_CALL=$name:0:1" "$MBSAND" "$small" --quiet --jobs 1 --out right.d --dump requests,batches
    [ "$code" -eq 0 ] || wrong "without a fault"
    cp out right
    read -r _ total <counts
    [ "$total" -ge 4 ]
    for ((k = 1; k <= total; k++)); do
        for error in "$@"; do
            for after in "" +; do
                rm -rf d
                faulty "MB_FAIL_CALL=$name:$k$after:$error" "$MBSAND" "$small" --quiet --jobs 1 --out d --dump requests,batches
                if ((code == 0)); then
                    cmp -s out right || wrong "$name:$k$after:$error: another table"
                else
                    ((code <= 2)) || wrong "$name:$k$after:$error"
                    # (With standard error out of order there is nowhere to say it.)
                    [[ $name$after == write+ ]] || grep -qE '^mbsand: |failed with seed' err out ||
                        wrong "$name:$k$after:$error: no sentence"
                fi
                for file in d/*.csv; do
                    [[ ! -e $file ]] || whole "$file" || wrong "$name:$k$after:$error: $file is not whole"
                done
                for rows in requests batches; do
                    file=$rows-static_fifo-1.csv
                    [[ ! -e d/$file ]] || cmp "d/$file" "right.d/$file" || wrong "$name:$k$after:$error: $file"
                done
                [[ ! -e d/summary.json ]] || python3 -m json.tool d/summary.json >json || wrong "$name:$k$after:$error"
            done
        done
    done
}

@test "a disk that is full or broken at any write: a sentence, and nothing that is half" {
    break_calls write 28 5 32 # ENOSPC, EIO, EPIPE
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
    break_calls rename 28 5
    faulty MB_FAIL_CALL=rename:1:28 "$MBSAND" "$small" --quiet --jobs 1 --out d --dump requests
    [ "$code" -eq 1 ]
    output=$(cat out err)
    says "cannot write d/requests-static_fifo-1.csv: No space left on device"
}

@test "no file handle for any open: a sentence" {
    break_calls open 24 # EMFILE
    # Of the program's own modules, of the scenario's and of its policies, in turn; the machine is the same.
    echo 'return { rate = 20 }' >mine.lua
    sed 's/^return scenario/local mine = require "mine"\nreturn scenario/; s/rate = 20/rate = mine.rate/' "$small" >s.lua
    faulty MB_FAIL_CALL=open:0:1 "$MBSAND" s.lua --quiet --jobs 1 --format json
    [ "$code" -eq 0 ]
    right=$(jq -r '.manifest.machine.cores' out)
    read -r _ total <counts
    : >sentences
    for ((k = 1; k <= total; k++)); do
        faulty "MB_FAIL_CALL=open:$k:24" "$MBSAND" s.lua --quiet --jobs 1 --format json
        cat err >>sentences
        [ "$code" -ne 0 ] || [ "$(jq -r '.manifest.machine.cores' out)" = "$right" ] || wrong "open:$k: another machine"
    done
    run grep -c 'not found' sentences
    [ "$output" -eq 0 ]
    for name in /lua/mbsand/scenario.lua /lua/mbsand/schema.lua mine.lua /policies/static_fifo.lua; do
        grep -q "$name: cannot be read: Too many open files" sentences || wrong "$name"
    done
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
