# Shared by the tests of the command line. The runner names the builds; by hand, `make` and `make LUA=luajit` are enough.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${MBSAND:=$root/build/lua5.4-release-gcc/mbsand}"
: "${MBSAND_LUAJIT:=$root/build/luajit-release-gcc/mbsand}"
: "${MBSAND_ASAN:=$root/build/lua5.4-asan-gcc/mbsand}"
: "${MBSAND_ASAN_LUAJIT:=$root/build/luajit-asan-gcc/mbsand}"
export COLUMNS=100

make_bytecode() { # make_bytecode ENGINE FILE: a policy, compiled
    "$1" -e 'local f = io.open(arg[1], "wb") f:write(string.dump(function() return {} end)) f:close()' "$2" 2>/dev/null ||
        "$1" - "$2" <<<'local f = io.open(arg[1], "wb") f:write(string.dump(function() return {} end)) f:close()'
}

# says TEXT: the last `run` printed it, wherever its lines were wrapped.
says() {
    local flat
    flat=$(tr -s ' \n\t' ' ' <<<"$output")
    [[ $flat == *"$1"* ]] || { echo "expected: $1"; echo "printed:  $output"; return 1; }
}
