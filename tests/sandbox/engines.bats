# The unit tests of the sandbox and of running out of memory, under LuaJIT as well: its libraries and its failures are
# others. (Under Lua 5.4 they run with all unit tests.)

load ../cli/helpers

under_luajit() { # under_luajit BUILD TEST
    [ -x "$(dirname "$MBSAND_LUAJIT")" ] || skip "no build for LuaJIT"
    cd "$root" || return
    make -s CC=gcc LUA=luajit BUILD="$1" "build/luajit-$1-gcc/tests/$2"
    "build/luajit-$1-gcc/tests/$2"
}

@test "the allow list names everything in LuaJIT's libraries" { under_luajit release test_sandbox; }

@test "memory that runs out at every moment, under LuaJIT" { under_luajit release test_oom; }

@test "memory that runs out at every moment, under LuaJIT with ASan" { under_luajit asan test_oom; }
