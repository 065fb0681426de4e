# shellcheck shell=bash
# For the scripts beside it, which print tables in Markdown. $mbsand is the program.
# shellcheck disable=SC2034,SC2154

# head_of COLUMN...: of a table.
head_of() {
    local line="|" rule="|" cell
    for cell in "$@"; do
        line+=" $cell |"
        rule+=" --- |"
    done
    printf '\n%s\n%s\n' "$line" "$rule"
}

# columns NAMES: of results in CSV, a line each, separated by blanks.
columns() {
    awk -F, -v columns="$1" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(columns, names, ",") }
        NR > 1 { for (i = 1; i <= n; i++) printf "%s%s", $at[names[i]], i < n ? " " : "\n" }'
}

# figures NAMES SCENARIO [options]: those columns of each result.
figures() {
    local names=$1
    shift
    "$mbsand" "$@" --jobs 1 --quiet --format csv 2> >(grep -v "cannot tell the policies" >&2) | columns "$names"
}

# spend REQUESTS SCENARIO [options]: user and system seconds in $seconds, peak memory in $memory (KB); results in $results.
times=$(mktemp)
results=$(mktemp)
trap 'rm -f "$times" "$results"' EXIT
spend() {
    local requests=$1 user system
    shift
    /usr/bin/time -o "$times" -f "%U %S %M" "$mbsand" "$@" --jobs 1 --quiet --format csv --set workload.limit="$requests" >"$results" \
        2> >(grep -v "cannot tell the policies" >&2)
    read -r user system memory < <(tail -n 1 "$times")
    seconds=$(awk -v u="$user" -v s="$system" 'BEGIN { print u + s }')
}

# megabytes KB
megabytes() { awk -v m="$1" 'BEGIN { printf "%.1f", m / 1024 }'; }
