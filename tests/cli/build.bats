# The build itself: its walls, and the same bits wherever it is made.

load helpers

setup() {
    command -v readelf >/dev/null || skip "needs readelf (binutils)"
}

@test "the release build has its walls: PIE, full RELRO, stack protector, fortified calls" {
    header=$(readelf -hW "$MBSAND") segments=$(readelf -lW "$MBSAND") dynamic=$(readelf -dW "$MBSAND")
    symbols=$(readelf -sW "$MBSAND")
    [[ $header == *"DYN (Position-Independent Executable"* ]]
    [[ $segments == *GNU_RELRO* && $dynamic == *BIND_NOW* ]]
    grep -E 'GNU_STACK +0x0+ 0x0+ 0x0+ 0x0+ 0x0+ RW ' <<<"$segments"
    [[ $symbols == *__stack_chk_fail* && $symbols == *__snprintf_chk* ]]
}

@test "another folder gives the same bits" {
    copy="$BATS_TEST_TMPDIR/a folder with another name"
    mkdir -p "$copy"
    cp -R "$root/Makefile" "$root/src" "$copy/"
    cd "$copy"
    make -s -j"$(nproc)" CC=gcc OUT=out out/mbsand
    cmp out/mbsand "$root/build/lua5.4-release-gcc/mbsand"
}

@test "the bill of materials names every library that the program is linked with" {
    command -v jq >/dev/null || skip "needs jq"
    CC=gcc make -s -C "$root" sbom
    named=$(jq -r 'select(.bomFormat == "CycloneDX" and .specVersion == "1.5") | .components[] | select(.version | test("^[0-9]")) | .name' \
        "$root/build/mbsand.cdx.json" | sed 's/^zlib$/z/; s/^lib//')
    readelf -dW "$MBSAND" | grep -oE '\[lib[a-z]+[-0-9.]*\.so' | sed -E 's/^\[lib//; s/\.so$//; s/-?[0-9.]+$//' | sort -u |
        while read -r library; do
            case $library in c | m) continue ;; esac
            grep -qE "^$library" <<<"$named" || { echo "missing: $library"; exit 1; }
        done
}

@test "make release gives a program that prints the same bytes" {
    copy="$BATS_TEST_TMPDIR/released"
    mkdir -p "$copy"
    cp -R "$root/Makefile" "$root/.ci" "$root/src" "$root/lua" "$root/policies" "$root/scenarios" "$root/data" "$copy/"
    mkdir -p "$copy/tests" && cp -R "$root/tests/bench" "$copy/tests/"
    (cd "$copy" && make -s -j"$(nproc)" CC=gcc release)
    for scenario in burst continuous_burst; do
        for binary in "$MBSAND" "$copy/build/mbsand"; do
            "$binary" "$root/scenarios/$scenario.lua" --quiet --seeds 1 --set workload.limit=2000 --dump requests,batches \
                --out "$BATS_TEST_TMPDIR/$scenario-$(basename "$(dirname "$binary")")" >/dev/null
        done
        rm "$BATS_TEST_TMPDIR/$scenario"-*/summary.* # they hold times
        diff -r "$BATS_TEST_TMPDIR/$scenario"-*
    done
}
