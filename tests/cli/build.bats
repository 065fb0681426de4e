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
    # And what the page in a browser is bundled from, with versions and licences.
    jq -c '.packages | to_entries[] | select(.key != "" and (.value.dev | not)) | [(.key | sub("^node_modules/"; "")), .value.version, .value.license]' \
        "$root/src/playground/package-lock.json" | sort >"$BATS_TEST_TMPDIR/locked"
    jq -c '.components[] | [.name, .version, .licenses[0].license.id]' "$root/build/mbsand.cdx.json" | sort >"$BATS_TEST_TMPDIR/named"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/locked")" -ge 10 ]
    [ -z "$(comm -23 "$BATS_TEST_TMPDIR/locked" "$BATS_TEST_TMPDIR/named")" ]
    sed -n 's/^import .* from "\([^"]*\)";$/\1/p' "$root/src/playground/page/main.js" | grep -v '^fetched-' | while read -r part; do
        grep -qF "[\"$(cut -d/ -f1-"$([[ $part == @* ]] && echo 2 || echo 1)" <<<"$part")\"," "$BATS_TEST_TMPDIR/named" || { echo "missing: $part"; exit 1; }
    done
    ! grep -qE 'esbuild|playwright|axe-core' "$BATS_TEST_TMPDIR/named"
}

@test "make release, in another folder: a program that prints the same bytes; of what it compiles as usual, the same bits" {
    copy="$BATS_TEST_TMPDIR/a folder with another name"
    mkdir -p "$copy"
    cp -R "$root/Makefile" "$root/.ci" "$root/src" "$root/third_party" "$root/lua" "$root/policies" "$root/scenarios" "$root/data" "$copy/"
    mkdir -p "$copy/tests" && cp -R "$root/tests/bench" "$copy/tests/"
    (cd "$copy" && make -s -j"$(nproc)" CC=gcc release)
    # Objects of some rooms stand for all: they are compiled alike. The cold ones are there now, two more are made.
    (cd "$root" && ls build/common-release-gcc/{base,engine}/*.o) | (cd "$copy" && xargs make -s -j"$(nproc)" CC=gcc)
    (cd "$copy" && ls build/lua5.4-release-gcc/*/*.o build/common-release-gcc/*/*.o) >"$BATS_TEST_TMPDIR/objects"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/objects")" -gt 140 ]
    while read -r object; do cmp "$copy/$object" "$root/$object"; done <"$BATS_TEST_TMPDIR/objects"
    for scenario in burst continuous_burst; do
        for binary in "$MBSAND" "$copy/build/mbsand"; do
            "$binary" "$root/scenarios/$scenario.lua" --quiet --seeds 1 --set workload.limit=2000 --dump requests,batches \
                --out "$BATS_TEST_TMPDIR/$scenario-$(basename "$(dirname "$binary")")" >/dev/null
        done
        rm "$BATS_TEST_TMPDIR/$scenario"-*/summary.* # they hold times
        diff -r "$BATS_TEST_TMPDIR/$scenario"-*
    done
}

@test "make deb gives a package that works where it is unpacked" {
    command -v dpkg-deb >/dev/null && command -v dpkg-shlibdeps >/dev/null || skip "needs dpkg-dev"
    cd "$root"
    run packaging/deb 9.9.9 CC=gcc
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    package=${lines[-1]}
    dpkg-deb -I "$package" | grep -q "Depends: .*libc6.*liblua5.4"
    dpkg-deb -x "$package" "$BATS_TEST_TMPDIR/there"
    for file in share/man/man1/mbsand.1.gz share/bash-completion/completions/mbsand share/zsh/vendor-completions/_mbsand \
        share/fish/vendor_completions.d/mbsand.fish share/doc/mbsand/copyright \
        $([ ! -e build/playground/core.wasm ] || echo share/mbsand/playground/core.wasm share/mbsand/playground/licences.txt); do
        [ -s "$BATS_TEST_TMPDIR/there/usr/$file" ] || { echo "no $file"; return 1; }
    done
    for binary in "$MBSAND" "$BATS_TEST_TMPDIR/there/usr/bin/mbsand"; do
        (cd / && env -u MBSAND_HOME "$binary" burst -q --seeds 1 --set workload.limit=300 | cksum)
    done >"$BATS_TEST_TMPDIR/sums"
    [ "$(sort -u "$BATS_TEST_TMPDIR/sums" | wc -l)" -eq 1 ]
    if command -v lintian >/dev/null; then
        run lintian "$package"
        [ -z "$(grep -E '^[EW]:' <<<"$output")" ] || { echo "$output"; return 1; }
    fi
    rm "$package"
}

@test "the version is one: Makefile, program, changelog, citation, manual, packages" {
    cd "$root"
    version=$(sed -n 's/^VERSION := //p' Makefile)
    [ "$("$MBSAND" --version | head -1 | cut -d' ' -f2)" = "$version" ]
    headings=$(sed -n 's/^## //p' CHANGELOG.md)
    [ "$(head -1 <<<"$headings")" = Unreleased ]
    released=$(sed -n 2p <<<"$headings")
    [[ $released == "$version ("????-??-??")" ]] || { echo "CHANGELOG.md: $released"; return 1; }
    [ "$(sort -u <<<"$headings")" = "$(sort <<<"$headings")" ]
    grep -qx "version: $version" CITATION.cff
    [ "$(sed -n 's/^date-released: //p' CITATION.cff)" = "$(sed 's/.*(//; s/)//' <<<"$released")" ]
    grep -qxE "Version: +$version" packaging/mbsand.spec
    grep -qx ".Os mbsand $version" docs/mbsand.1
    make -s -n CC=gcc deb | grep -qF "packaging/deb $version "
    make -s -n dist | grep -qF "mbsand-$version.tar.gz"
    for kind in deb static dist; do grep -qx "$kind: page" Makefile || { echo "$kind leaves the page in a browser out"; return 1; }; done
}

@test "the compiler that is missing is the one that is named" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" CC=clang-that-is-not-there sh -c 'id() { echo 1000; }; . "$1"' - "$root/.ci/packages"
    [ "$status" -eq 1 ]
    [ "${lines[-1]}" = "    $(command -v sudo >/dev/null && echo "sudo ")apt-get install clang-that-is-not-there" ]
    printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/bin/sudo" && chmod +x "$BATS_TEST_TMPDIR/bin/sudo"
    run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" CC=clang-that-is-not-there sh -c 'id() { echo 1000; }; . "$1"' - "$root/.ci/packages"
    [ "${lines[-1]}" = "    sudo apt-get install clang-that-is-not-there" ]
    run env -u CC "$root/.ci/packages" build # nothing is missing: not a word
    [ "$status" -eq 0 ] && [ -z "$output" ]
}

@test "make static gives one file that needs no other: a folder with nothing else in it is enough" {
    cd "$root"
    rm -f build/mbsand-*-linux-*
    make -s CC=gcc static-file 2>/dev/null
    there="$BATS_TEST_TMPDIR/there"
    mkdir "$there" && cp build/mbsand-*-linux-* "$there/mbsand"
    [[ "$(readelf -dW "$there/mbsand")" != *NEEDED* ]]
    alone=(env -i HOME="$there/home" TMPDIR="$there/tmp" "$there/mbsand") here=$there
    if [ "$(id -u)" = 0 ]; then alone=(env -i HOME=/home TMPDIR=/tmp "$(PATH=$PATH:/usr/sbin command -v chroot)" "$there" /mbsand) here=; fi
    [[ "$("${alone[@]}" --version)" == mbsand* ]]
    [ ! -e "$there/home" ] # that needs none of them
    "${alone[@]}" init "$here/mine"
    for folder in lua policies scenarios data; do
        diff -r -x traces -x perf "$folder" "$there/mine/$folder"
        diff -r -x traces -x perf "$folder" "$there"/home/.cache/mbsand-*/"$folder"
    done
    "${alone[@]}" "$here/mine/scenarios/burst.lua" -q --seeds 1 --set workload.limit=1000 >"$BATS_TEST_TMPDIR/static"
    "$MBSAND" burst -q --seeds 1 --set workload.limit=1000 >"$BATS_TEST_TMPDIR/shared"
    cmp "$BATS_TEST_TMPDIR/static" "$BATS_TEST_TMPDIR/shared"
    # A folder that others may write is not trusted.
    chmod 777 "$there"/home/.cache/mbsand-*
    echo 'error "changed"' >"$(echo "$there"/home/.cache/mbsand-*)/scenarios/burst.lua"
    "${alone[@]}" burst -q --seeds 1 --set workload.limit=1000 | cmp - "$BATS_TEST_TMPDIR/static"
    [ -d "$(echo "$there"/tmp/mbsand-*)" ]
}
