# The documentation against the program.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    MBSAND=${MBSAND:-$PWD/build/mbsand}
    cat lua/meta/*.lua >"$BATS_TEST_TMPDIR/meta"
}

members() { # names that policies can reach, from the tables in the C source
    grep -ohE '\{"[a-z_]+", ([a-z_]+|NULL), [A-Z0-9_]+\}' src/policy/view_*.c | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u
}

measures() {
    grep -oE '^ +\{"[a-z_]+"' src/metrics/measures.c | grep -oE '[a-z_]+'
    for name in ttft tpot itl e2e queue; do
        for statistic in mean p50 p90 p95 p99 max; do echo "${name}_${statistic}_s"; done
    done
}

absent_from() { # absent_from FILE: those words of standard input that the file does not have
    while read -r word; do grep -qwF -- "$word" "$1" || echo "$1 lacks $word"; done
}

@test "complete scripts in the pages are good" {
    for page in README.md docs/*.md docs/tutorials/*.md; do
        awk -v dir="$BATS_TEST_TMPDIR" '
            /^```lua/ { getline; if (sub(/^-- file: /, "")) { file = dir "/" $0; print "" > file; next } }
            /^```$/ { file = "" }
            file { print > file }' "$page"
    done
    ls "$BATS_TEST_TMPDIR"/*.lua
    run "$MBSAND" check "$BATS_TEST_TMPDIR"/*.lua
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "everything a policy can call is in the guide and in the annotations" {
    [ "$(members | wc -l)" -gt 40 ]
    missing=$(members | absent_from docs/writing-policies.md; members | absent_from "$BATS_TEST_TMPDIR/meta")
    echo "$missing"
    [ -z "$missing" ]
}

@test "every measure is explained" {
    [ "$(measures | wc -l)" -gt 50 ]
    missing=$(measures | absent_from docs/scenarios.md; measures | absent_from "$BATS_TEST_TMPDIR/meta")
    echo "$missing"
    [ -z "$missing" ]
}

@test "every option is in the manual" {
    missing=$(grep -ohE '\{"[a-z-]+", (no|required)_argument' src/cli/*.c | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u |
        while read -r option; do grep -qE "Fl -$option" docs/mbsand.1 || echo "docs/mbsand.1 lacks --$option"; done)
    echo "$missing"
    [ -z "$missing" ]
}

@test "every verb is in the synopsis, and every option of a verb in its help" {
    cat >"$BATS_TEST_TMPDIR/options.lua" <<'END'
-- Verbs of --help against the synopsis; the tables of options against what `mbsand complete` finds in each verb's --help.
local binary = ...
local function read(path) local f = assert(io.open(path)) local t = f:read "a" f:close() return t end
local function run(command) local p = assert(io.popen(command)) local t = p:read "a" p:close() return t end
local synopsis = read "docs/mbsand.1":match "%.Sh SYNOPSIS(.-)%.Sh"
local source, sets, count = read "src/cli/options.c", {}, 0
local function value(text)
  local sum = 0
  for word in text:gmatch "[%w_]+" do sum = sum | (sets[word] or tonumber(word)) end
  return sum
end
for name, text in source:match "enum {%s*(RUN = .-)}":gsub("//[^\n]*", ""):gmatch "([A-Z]+) = ([^,]+)" do sets[name] = value(text) end
local function check(verb, option)
  count = count + 1
  if option == "help" or verb .. option == "searchshard" then return end -- said once for all; refused, with the reason
  local told = run(binary .. " complete " .. verb .. " --" .. option)
  if not ("\n" .. told):find("\n--" .. option .. "\n", 1, true) then print("mbsand " .. verb .. " --help lacks --" .. option) end
end
for verb in run(binary .. " --help"):gmatch "\n  (%l+) " do
  if not synopsis:find("%.Op Cm " .. verb) and not synopsis:find("%.Cm " .. verb) then print("the synopsis lacks " .. verb) end
  if sets[verb:upper()] then
    for option, of in source:gmatch '{{"([%l-]+)", [a-z_]+, NULL, [^}]+}, ([^}]+)}' do
      if value(of) & sets[verb:upper()] ~= 0 then check(verb, option) end
    end
  else
    local file = io.open("src/cli/" .. (verb == "plan" and "plan_options" or "cmd_" .. verb) .. ".c")
    for option in (file and file:read "a" or ""):gmatch '{"([%l-]+)", [a-z]+_argument' do check(verb, option) end
  end
end
if count < 120 then print("only " .. count .. " options were found") end
END
    missing=$(lua5.4 "$BATS_TEST_TMPDIR/options.lua" "$MBSAND")
    echo "$missing"
    [ -z "$missing" ]
}

@test "README counts the models and GPUs that there are" {
    models=$("$MBSAND" list models | tail -n +2 | grep -c '^[a-z]') gpus=$("$MBSAND" list gpus | tail -n +2 | grep -c '^[a-z]')
    grep -q "descriptions of $models models and $gpus GPUs" README.md || { echo "$models models, $gpus GPUs"; return 1; }
}

@test "links lead somewhere" {
    for page in README.md CONTRIBUTING.md docs/*.md docs/tutorials/*.md; do
        grep -oE '\]\([^)#:]+' "$page" | cut -c3- | grep -vE '^https?$' | while read -r link; do
            [ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
        done
    done >"$BATS_TEST_TMPDIR/broken"
    cat "$BATS_TEST_TMPDIR/broken"
    [ ! -s "$BATS_TEST_TMPDIR/broken" ]
}

@test "the README shows what the program prints" {
    awk '/^```lua/ { getline; if (/^-- file: my_policy/) on = 1 } /^```$/ { on = 0 } on { print }' README.md \
        >"$BATS_TEST_TMPDIR/my_policy.lua"
    "$MBSAND" scenarios/burst.lua >"$BATS_TEST_TMPDIR/printed"
    "$MBSAND" scenarios/burst.lua --policy "$BATS_TEST_TMPDIR/my_policy.lua" >>"$BATS_TEST_TMPDIR/printed"
    grep -q "^my_policy " "$BATS_TEST_TMPDIR/printed"
    while IFS= read -r line; do
        grep -qxF -- "$line" README.md || echo "not in the README: $line"
    done <"$BATS_TEST_TMPDIR/printed" >"$BATS_TEST_TMPDIR/missing"
    cat "$BATS_TEST_TMPDIR/missing"
    [ ! -s "$BATS_TEST_TMPDIR/missing" ]
}
