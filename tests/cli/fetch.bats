#!/usr/bin/env bats
# data/fetch without a network: its table, sources that are files, and what is refused.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

@test "the table of external files names each with its size, checksum, licence and source" {
    awk -F '\t' '!/^#/ { if (NF != 5 || $2 !~ /^[0-9]+$/ || $3 !~ /^[0-9a-f]+$/ || length($3) != 64 || $4 == "" || $5 !~ /^https:/) exit 1; n++ }
        END { exit n < 5 }' "$root/data/external.tsv"
}

@test "data/fetch takes what has the right checksum, says what is wrong with the rest in a sentence, and keeps nothing of it" {
    command -v curl >/dev/null || skip "curl is not installed"
    echo "a trace" >source.csv
    sum=$(sha256sum source.csv | cut -d' ' -f1)
    bad=$(printf 'b%.0s' {1..64})
    gone=file://$PWD/gone.csv
    printf '# file\n%s\t8\t%s\tMIT\t%s\n' traces/good.csv "$sum" "file://$PWD/source.csv" traces/other.csv "$bad" \
        "file://$PWD/source.csv" more/gone.csv "$sum" "$gone" >table.tsv
    export MBSAND_EXTERNAL=$PWD/table.tsv MBSAND_DATA=$PWD/data
    run -0 "$root/data/fetch"
    says 'traces/good.csv: 8 bytes, MIT, not here'
    run -1 "$root/data/fetch" traces
    says 'traces/good.csv: fetched'
    says 'for traces/other.csv has another checksum than the file that was measured with; not kept'
    [ "$(find data -type f)" = data/traces/good.csv ]
    cmp source.csv data/traces/good.csv
    run -0 "$root/data/fetch" traces/good.csv
    says 'traces/good.csv: here already'
    run -1 "$root/data/fetch" all
    says "more/gone.csv was not fetched from $gone"
    says 'is there a network?'
    run -2 "$root/data/fetch" traces/no.csv
    says 'there is no traces/no.csv among the files; data/fetch lists them'
    [ "$(find data -type f)" = data/traces/good.csv ]
}
