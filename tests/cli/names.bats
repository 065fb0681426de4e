# Names and texts of scenarios, policies, files and databases may hold anything. What is printed for people holds none of what
# steers a terminal: no control characters, of 7 bits or of 8, and nothing that turns the direction of writing.

load helpers

evil=$'x\e[31m\xc2\x9b\xe2\x80\xae\a'

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    sed -e 's/^  title = "small"/  title = E, question = E/' -e 's/^  policies = .*/  policies = { { "static_fifo", label = E }, { ".\/p.lua", label = E .. 2 } },/' \
        -e '/^return/i local E = "x\\27[31m\\194\\155\\226\\128\\174\\7"' "$root/tests/sandbox/small.lua" >scenario.lua
    cat >p.lua <<'END'
local P = { params = { fail = false } }
function P:schedule(_, step)
  if self.params.fail and self.sim.now > 5 then error("x\27[31m\194\155\226\128\174\7") end
  step:admit(self.sim.queue, 3)
end
return P
END
}

# clean ARGUMENTS...: what is printed has the name, made printable, and nothing that steers. (Progress goes to terminals alone.)
clean() {
    run "$MBSAND" "$@"
    if LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]\|\xc2[\x80-\x9f]\|\xe2\x80[\xaa-\xae]\|\xe2\x81[\xa6-\xa9]' <<<"$output"; then
        echo "$*: prints what steers a terminal: $(cat -v <<<"$output")"
        return 1
    fi
    [[ $output == *'x?'* ]] || { echo "$*: the name is missing: $output"; return 1; }
}

@test "runs, and a policy's error" {
    for format in table md; do
        clean scenario.lua --format "$format"
        clean scenario.lua --format "$format" --set params.fail=true
    done
    clean scenario.lua --set params.fail=true --dump requests --out "$evil"
    says "named *.part"
}

@test "sweeps, databases, and what is made of them" {
    clean sweep scenario.lua --db "$evil.db" --set params.fail=true
    for format in table md; do
        clean show "$evil.db" --format "$format"
        clean compare "$evil.db" "$evil.db" --format "$format"
    done
    clean merge "$evil.merged.db" "$evil.db"
    clean compare "$evil.db" "$evil.none.db"
    # A database of somebody else's.
    cp "$evil.db" theirs.db
    sqlite3 theirs.db "UPDATE runs SET traceback = traceback || char(27) || '[31m' || char(155) WHERE traceback IS NOT NULL"
    clean show theirs.db
    clean show theirs.db --format md
}

@test "searches, explanations, cases" {
    clean search scenario.lua --tune cluster.gpus=1..2
    clean search scenario.lua --over cluster.gpus=1..2 --slo 'e2e_p99<=60'
    clean explain scenario.lua
    clean pack ./scenario.lua -o "$evil.mbs"
    clean verify "$evil.mbs"
}

@test "files" {
    clean run "$evil.lua"
    clean check "$evil.lua"
    clean pack ./scenario.lua -o "$evil/none.mbs"
    clean fit "$evil.csv"
    clean plan --model "$evil" --gpu H100
    clean probe --model "$evil" -o x.csv
    clean "$evil"
}
