# What a script may be read from: a regular file, not too large, and what a policy names lies beside it or is bundled.
# `timeout` ends what would wait for ever; nothing here takes a second.

load ../cli/helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    small=$root/tests/sandbox/small.lua
    mkdir -p outside policies/inside
    printf '%s\n' 'return function(lengths, k) local e = {} for i = 1, k - 1 do e[i] = 50 * i end return e end' |
        tee outside/rule.lua policies/beside.lua >policies/inside/deeper.lua
    mkfifo policies/pipe.lua
    ln -s /dev/zero policies/zero.lua
    ln -s /etc/passwd policies/passwd.lua
    ln -s ../outside/rule.lua policies/link.lua
    ln -s ../outside policies/folder
    ln -s beside.lua policies/alias.lua
    mkdir policies/directory.lua
    { printf -- '-- '; head -c 1048576 /dev/zero | tr '\0' x; printf '\nreturn {}\n'; } >policies/large.lua
}

run_both() { # run_both CODE SENTENCE ARGUMENTS...: under both engines
    local code=$1 sentence=$2 binary
    shift 2
    for binary in "$MBSAND" "$MBSAND_LUAJIT"; do
        [ -x "$binary" ] || continue
        run timeout 120 "$binary" "$@"
        [ "$status" -eq "$code" ] || { echo "exit code $status: $output"; return 1; }
        says "$sentence"
    done
}

names() { # names CODE SENTENCE LINE: a policy in policies/ whose `init` has this line
    printf '%s\n' 'local P = {}' "function P:init() $3 end" \
        'function P:schedule(_, step) step:admit(self.sim.queue) end' 'return P' >policies/mine.lua
    run_both "$1" "$2" "$small" -p ./policies/mine.lua
}

rule() { # rule CODE SENTENCE RULE
    names "$1" "$2" "self.sim:bins{ rule = '$3', count = 2 }"
}

@test "a policy is a regular file of at most 1 MiB" {
    run_both 2 './policies/pipe.lua: is a pipe; expected a file' "$small" -p ./policies/pipe.lua
    run_both 2 '/dev/zero: is a device; expected a file' "$small" -p /dev/zero
    run_both 2 './policies/zero.lua: is a device; expected a file' "$small" -p ./policies/zero.lua
    run_both 2 'is a folder, not a file' "$small" -p ./policies/directory.lua
    run_both 2 './policies/large.lua: is larger than 1 MiB' "$small" -p ./policies/large.lua
    run_both 2 './policies/pipe.lua: is a pipe; expected a file' check ./policies/pipe.lua
    run_both 2 '/dev/zero: is a device; expected a file' check /dev/zero
    run_both 2 './policies/large.lua: is larger than 1 MiB' check ./policies/large.lua
}

@test "so is a scenario, of at most 16 MiB" {
    run_both 2 'policies/pipe.lua: is a pipe; expected a file' policies/pipe.lua
    run_both 2 '/dev/zero: is a device; expected a file' /dev/zero
}

@test "rules are bundled, or lie beside the policy" {
    rule 0 mine equal_mass
    rule 0 mine ./beside.lua
    rule 0 mine beside.lua
    rule 0 mine ./inside/deeper.lua
    rule 0 mine ./alias.lua # a link that stays in the folder
    rule 1 'mine.lua:2: bins: "/etc/passwd" lies outside the policy'"'"'s folder' /etc/passwd
    rule 1 'bins: "../outside/rule.lua" lies outside the policy'"'"'s folder' ../outside/rule.lua
    rule 1 'policies/link.lua: is a link that leads outside the policy'"'"'s folder' ./link.lua
    rule 1 'policies/folder/rule.lua: is a link that leads outside the policy'"'"'s folder' ./folder/rule.lua
    rule 1 'policies/passwd.lua: is a link that leads outside the policy'"'"'s folder' ./passwd.lua
    rule 1 'policies/zero.lua: is a link that leads outside the policy'"'"'s folder' ./zero.lua
    rule 1 'policies/pipe.lua: is a pipe; expected a file' ./pipe.lua
    rule 1 'policies/directory.lua: is a folder; expected a file' ./directory.lua
    rule 1 'policies/large.lua: is larger than 1 MiB' ./large.lua
    rule 1 'policies/none.lua: cannot be read: No such file or directory' ./none.lua
    rule 1 'there is no bin rule "equal_mas"; did you mean "equal_mass"?' equal_mas
}

@test "whoever starts the run may give a rule from anywhere" {
    printf '%s\n' 'local P = { params = { rule = "equal_mass" } }' \
        'function P:init() self.sim:bins{ rule = self.params.rule, count = 2 } end' \
        'function P:schedule(_, step) step:admit(self.sim.queue) end' 'return P' >policies/mine.lua
    run_both 0 mine "$small" -p ./policies/mine.lua,rule=outside/rule.lua
    run_both 1 '/dev/zero: is a device; expected a file' "$small" -p ./policies/mine.lua,rule=/dev/zero
}

@test "modules lie beside the policy, not behind a link" {
    names 0 mine 'require "beside"'
    names 0 mine 'require "inside.deeper"'
    names 0 mine 'require "alias"'
    names 0 mine 'require "vllm_v1"' # what is bundled
    names 0 mine 'require "origin.static_fifo"'
    names 1 'policies/none.lua: cannot be read: No such file or directory' 'require "none"'
    names 1 'policies/link.lua: is a link that leads outside the policy'"'"'s folder' 'require "link"'
    names 1 'policies/folder/rule.lua: is a link that leads outside the policy'"'"'s folder' 'require "folder.rule"'
    names 1 'policies/zero.lua: is a link that leads outside the policy'"'"'s folder' 'require "zero"'
    names 1 'policies/pipe.lua: is a pipe; expected a file' 'require "pipe"'
    names 1 'policies/directory.lua: is a folder; expected a file' 'require "directory"'
    names 1 'policies/large.lua: is larger than 1 MiB' 'require "large"'
}

@test "a file's name steers no terminal" {
    name=$'e\e[31mvil\xc2\x9b.lua'
    cp "$root/policies/static_fifo.lua" "$name"
    echo 'return {' >"x$name"
    run "$MBSAND" check "./$name" "./x$name" "./y$name"
    [ "$status" -eq 2 ]
    says './e?[31mvil??.lua: a good policy'
    says 'mbsand: ./xe?[31mvil??.lua:2:'
    says 'there is no policy "./ye?[31mvil??.lua"'
    run "$MBSAND" "$small" -p "./$name" -p "./x$name" --quiet
    [[ $output != *$'\e'* && $output != *$'\xc2\x9b'* ]]
    run "$MBSAND" "$name" "$name"
    [[ $output != *$'\e'* && $output != *$'\xc2\x9b'* ]]
}

@test "no other file that is read is a pipe or a device" {
    mkfifo pipe pipe.csv
    mkdir -p profile weights
    mkfifo profile/dense.csv weights/part.safetensors
    cp "$root/data/models/qwen3-0.6b.json" weights/config.json
    for word in batch table profile; do
        printf 'return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 1 }, prompt = 5, output = 5, limit = 5 }, cluster = {}, latency = latency.%s "%s"%s, slo = {}, policies = { "static_fifo" } }' \
            $word "$([ $word = profile ] && echo profile || echo pipe)" "$([ $word = profile ] && echo ' { layers = 2 }')" >$word.lua
        sed 's/"pipe"/"\/dev\/zero"/' $word.lua >zero.lua
        if [ $word = profile ]; then sed -i 's/cluster = {}/cluster = { kv_blocks = 100 }/' $word.lua; fi
        run_both 2 'is a pipe; expected a file' $word.lua
        [ $word = profile ] || run_both 2 '/dev/zero: is a device; expected a file' zero.lua
    done
    run_both 2 'pipe: is a pipe; expected a file' fit pipe
    run_both 2 '/dev/zero: is a device; expected a file' fit /dev/zero
    run_both 2 'pipe: is a pipe; expected a file' plan --model qwen3-0.6b --gpu h100-80gb --from-log pipe
    run_both 2 '/dev/zero: is a device; expected a file' plan --model qwen3-0.6b --gpu h100-80gb --from-log /dev/zero
    run_both 2 'pipe.csv: is a pipe; expected a file' plan --model qwen3-0.6b --gpu pipe.csv:a
    run_both 2 'pipe: is a pipe; expected a file' plan --model ./pipe --gpu h100-80gb
    run_both 2 'weights/part.safetensors: is a pipe; expected a file' plan --model ./weights --gpu h100-80gb
    run_both 2 'pipe: is a pipe; expected a file' probe --model qwen3-0.6b --backend cpu -o pipe
    sed 's|latency.batch "pipe"|latency.batch { alpha = 1, beta = 1, gamma = 1 }|; s|synthetic {.*limit = 5 }|trace.azure "pipe" {}|' batch.lua >trace.lua
    run_both 2 'pipe: is not a regular file' trace.lua
    run_both 2 'pipe: is not a regular file; expected a database of results' show pipe
    run_both 2 'pipe: is not a regular file; expected a database of results' compare pipe pipe.csv
    run_both 2 'pipe: is not a regular file; expected a database of results' merge pipe pipe.csv
    run_both 2 'pipe: is not a regular file; expected a database of results' sweep "$small" --db pipe
    run_both 2 'pipe is no case' verify pipe
}
