# Where bins are cut: by what was known before the requests that are judged, seed by seed, and the results say by what.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    # Six stretches of 100 rows, one row a second; stretch n has outputs from 1000 n + 1 to 1000 n + 100.
    python3 - >trace.csv <<'ROWS'
print("t,in,out")
for row in range(600):
    print(f"{row},10,{row // 100 * 1000 + row % 100 + 1}")
ROWS
    cat >trace.lua <<'SCENARIO'
return scenario {
  workload = trace.csv "trace.csv" { columns = { time = "t", prompt = "in", output = "out" }, limit = 100 },
  cluster = { gpus = 4 }, latency = latency.batch { alpha = 0.01, beta = 0.0001, gamma = 0.3 },
  policies = { "static_fifo", { "multi_bin_dynamic", bins = 2, key = "predicted_output" } }, seeds = 2,
}
SCENARIO
}

cuts() { # cuts SCENARIO [OPTION...]: per run of the binning policy "EDGES SAMPLE"
    "$MBSAND" "$@" --quiet --format json 2>/dev/null | python3 -c '
import json, sys
for run in json.load(sys.stdin)["results"][0]["policies"][-1]["runs"]:
    print(*[f"{edge:g}" for edge in run["bin_edges"][0]], run.get("sample", "none"))'
}

@test "each seed's edges come from the rows before its window" {
    run cuts trace.lua --set workload.window_per_seed=true --set workload.skip_rows=200
    echo "$output"
    [ "${lines[0]}" = "1001 before" ] # of stretches 0 and 1: the 101st of 200
    [ "${lines[1]}" = "1051 before" ] # of stretches 0 to 2: the 151st of 300
    run "$MBSAND" trace.lua --quiet --set workload.window_per_seed=true --set workload.skip_rows=200
    echo "$output"
    says "note: multi_bin_dynamic cut its bins at 1,001-1,051 (lowest-highest of the seeds), by the rows before each seed's own"
}

@test "what is judged is used only where nothing comes before, and the results say so" {
    run cuts trace.lua --set workload.window_per_seed=true
    echo "$output"
    [ "${lines[0]}" = "51 judged" ]
    [ "${lines[1]}" = "51 before" ]
    run "$MBSAND" trace.lua --quiet --set workload.window_per_seed=true
    says "cut its bins at 51, by rows that are judged here themselves in seed 1, since none comes before them"
    run "$MBSAND" trace.lua --quiet
    says "cut its bins at 51, by rows that are judged here themselves, since none comes before them"
}

@test "the rows before a window in time count, and those after do not" {
    run cuts trace.lua --set workload.from=200
    [ "$output" = $'1001 before\n1001 before' ]
    sed 's/^\(2[0-9][0-9],10,\).*/\19999/' trace.csv >other.csv # other requests to judge
    run cuts trace.lua --set workload.from=200 --set workload.path=other.csv
    [ "$output" = $'1001 before\n1001 before' ]
}

@test "of a long past the latest 5,000 rows are used" {
    python3 -c '
print("t,in,out")
for row in range(8000): print(f"{row},10,{row + 1}")' >trace.csv
    for past in skip_rows from; do
        run cuts trace.lua --seeds 1 --set "workload.$past=7000"
        echo "$output"
        [ "$output" = "4501 before" ] # rows 2001 to 7000: the 2501st
    done
}

@test "an oracle cuts by the run itself" {
    sed -i 's/seeds = 2/seeds = 1, oracle = true/' trace.lua
    run cuts trace.lua --set workload.skip_rows=200
    [ "$output" = "2051 judged" ]
    run "$MBSAND" trace.lua --quiet --set workload.skip_rows=200
    says "cut its bins at 2,051, by the run itself, as an oracle"
}

@test "edges that are given need no sample" {
    sed -i 's/bins = 2, key/edges = { 40 }, key/' trace.lua
    run cuts trace.lua
    [ "$output" = $'40 none\n40 none' ]
    run "$MBSAND" trace.lua --quiet
    [[ "$output" != *"cut its bins"* ]]
}

@test "synthetic requests: each seed has a sample of its own, which is not what is simulated" {
    cat >synthetic.lua <<'SCENARIO'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 1 }, prompt = 10, output = lengths.uniform(1, 1e6), limit = 5000 },
  cluster = { gpus = 4 }, latency = latency.batch { alpha = 0.01, beta = 1e-9, gamma = 0.3 },
  policies = { { "multi_bin_dynamic", bins = 2, key = "predicted_output" } }, seeds = 3,
}
SCENARIO
    run cuts synthetic.lua
    echo "$output"
    [ "$(sort -u <<<"$output" | wc -l)" -eq 3 ]
    [ "$(grep -c " before$" <<<"$output")" -eq 3 ]
    before=$output
    sed -i 's/seeds = 3/seeds = 3, oracle = true/' synthetic.lua
    run cuts synthetic.lua # the medians of what is simulated are others
    [ "$(sort -u <<<"${before// before/}"$'\n'"${output// judged/}" | wc -l)" -eq 6 ]
}
