#!/bin/bash
# The rules of the house that a script can check, as TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
check() { # check NAME: fails if standard input has a line
    local found
    found=$(head -n 20)
    if [ -z "$found" ]; then echo "ok - $1"; else
        echo "not ok - $1"
        printf '%s\n' "$found" | sed 's/^/# /'
    fi
}

# A file includes only from its own folder and from floors below; report alone looks across, at run.
awk -F / '
BEGIN {
    count = split("base:plan:model probe:fit queue metrics:engine workload:sim:policy series:scenario:run report:" \
        "explain planner sweep pack tracks page:cli:playground", floors, ":")
    for (number = 1; number <= count; number++) {
        rooms = split(floors[number], names, " ")
        for (room = 1; room <= rooms; room++) floor[names[room]] = number
    }
}
/^#include "[a-z]+\// {
    split(FILENAME, path, "/"); own = path[2]
    other = substr($1, index($1, "\"") + 1)
    if (!(own in floor) || !(other in floor) ||
        (other != own && floor[other] >= floor[own] && !(own == "report" && other == "run")))
        print FILENAME " includes from " other "/"
}' src/*/*.[ch] | check "floors do not look up"
lua5.4 tests/circles.lua 2>&1 | check "no circles between files"
grep -lE '#include *[<"](lua|lauxlib|lualib)\.h' -r src | grep -vE '^src/(policy|scenario)/' |
    check "lua.h only in src/policy and src/scenario"
grep -LE 'SPDX-License-Identifier: MIT' src/*/*.[ch] | check "every C file names its licence"
wc -l src/*/*.[ch] lua/*/*.lua policies/*.lua policies/*/*.lua | awk '$2 != "total" && $1 > 600' |
    check "files under 600 lines"
wc -l policies/*.lua | awk '$2 != "total" && $1 > 80' | check "policies under 80 lines"
clang-format --dry-run --Werror src/*/*.[ch] tests/*/*.c 2>&1 | check "clang-format finds nothing"
luacheck --no-color -q lua policies scenarios data tests 2>&1 | grep -vE '^$|^Total: 0 warnings / 0 errors' | check "luacheck finds nothing"
mandoc -T lint -W warning docs/mbsand.1 2>&1 | check "mandoc finds nothing"
