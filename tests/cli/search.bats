# Searches for the highest load and the fewest GPUs, against queueing theory and against a plain grid.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cat >mm1.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 5 }, service = lengths.exponential(0.1), limit = 40000 },
  latency = latency.jobs {}, cluster = { gpus = 1 }, warmup = { requests = 500 },
  policies = { { "static_fifo", batch_size = 1, label = "fifo" } }, seeds = 8 }
END
    cat >gpus.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 20 }, prompt = lengths.uniform { low = 10, high = 200 },
    output = lengths.uniform { low = 5, high = 100 }, limit = 500 },
  latency = latency.batch { alpha = 0.05, beta = 0.01, gamma = 0.3 }, cluster = { gpus = 2 }, policies = { "static_fifo", "static_sjf" },
  seeds = 3 }
END
}

# In an M/M/1 queue the time in system is exponential with rate mu - lambda: its p99 is x where lambda = mu - ln(100) / x.
@test "the load at which an M/M/1 queue meets a bound on p99 is in the 99 % interval" {
    : "${SETS:=2}"
    for ((seed = 1; seed <= SETS; seed++)); do
        "$MBSAND" search mm1.lua --over workload.arrivals.rate=1..9.9 --slo 'e2e_p99<=1' --seed $((seed * 1000)) --format csv >s.csv
        # Student's t for 7 degrees of freedom, 99 %: 3.499.
        awk -F, '$3 == "found" { n++; x = log($4); s += x; q += x * x; if ($6 != "") odd++ }
            END { m = s / n; d = 3.499 * sqrt((q - n * m * m) / (n - 1) / n); truth = log(10 - log(100))
                  if (n != 8 || odd || truth < m - d || truth > m + d || d > 0.1) { print n, odd, exp(m), d; exit 1 } }' s.csv || return 1
        [ "$(awk -F, '$3 == "run" { n[$2]++ } END { for (i in n) if (n[i] > most) most = n[i]; print most }' s.csv)" -le 15 ]
    done
    run -0 "$MBSAND" search mm1.lua --over workload.arrivals.rate=1..9.9 --slo 'e2e_p99<=1' --set workload.limit=2000
    says "fifo up to "
}

@test "the fewest GPUs are those of a grid, whatever the threads" {
    "$MBSAND" search gpus.lua --over cluster.gpus=1..40 --slo 'e2e_p99<=3' --slo 'slo_attainment>=0.5' --set slo.e2e=2 -j 1 >one.txt
    "$MBSAND" search gpus.lua --over cluster.gpus=1..40 --slo 'e2e_p99<=3' --slo 'slo_attainment>=0.5' --set slo.e2e=2 -j 2 >two.txt
    cmp one.txt two.txt
    "$MBSAND" gpus.lua --over cluster.gpus=1..40 -q --set slo.e2e=2 --format csv >grid.csv 2>/dev/null
    for policy in static_fifo static_sjf; do
        want=$(awk -F, -v policy=$policy 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
            $2 == policy { bad = $c["e2e_p99_s"] > 3 || $c["slo_attainment"] < 0.5; if (bad && $1 > worst) worst = $1 }
            END { print worst + 1 }' grid.csv)
        got=$(awk -v policy=$policy '$1 == policy && $2 == "from" { print $3 }' one.txt)
        [ "$got" = "$want" ] || { cat one.txt; echo "$policy: $got, by the grid $want"; return 1; }
    done
}

@test "JSON has what CSV has, Markdown what the table has" {
    search=("$MBSAND" search gpus.lua --over cluster.gpus=1..40 --over workload.arrivals.rate=10,20 --slo 'e2e_p99<=3')
    "${search[@]}" --format csv >s.csv
    "${search[@]}" --format json >s.json
    "${search[@]}" --format md >s.md
    # (+ 0: from 1.7 on jq writes 21.0 as it read it)
    jq -r '.answers[] as $a | $a.seeds[] | .runs[] as $r | [$a.keys["workload.arrivals.rate"], $a.policy, .seed, "run", $r.value + 0,
        ($r.e2e_p99_s * 1e6 | round), (if $r.met then 1 else 0 end)] | join(",")' s.json >a
    awk -F, '$4 == "run" { printf "%s,%s,%s,run,%s,%.0f,%s\n", $1, $2, $3, $5, $6 * 1e6, $7 }' s.csv >b
    cmp a b
    [ "$(wc -l <a)" -gt 50 ]
    [ "$(jq -r '.answers[].seeds[] | select(.end == "found") | .value + 0' s.json)" = "$(awk -F, '$4 == "found" { print $5 }' s.csv)" ]
    [ "$(jq -r '.answers[].answer' s.json)" = "$("${search[@]}" | awk '/static_/ { match($0, /(from|up to) [0-9]+/); print substr($0, RSTART, RLENGTH) }')" ]
    jq -r '.answers[] | "| \(.keys["workload.arrivals.rate"]) | \(.policy | sub("_"; "\\_")) | \(.answer) |"' s.json |
        while read -r row; do grep -qF "$row" s.md || { echo "$row"; cat s.md; return 1; }; done
}

@test "the cheapest of several kinds of GPUs is that of a grid" {
    cat >kinds.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 40 }, prompt = 600, output = 200, limit = 400 },
  cluster = { gpu = "h100-80gb", model = "llama-3.1-8b", gpus = 2, tp = 1 }, policies = { "vllm_v1", "sarathi" }, seeds = 2 }
END
    kinds=(h100-80gb l40s-48gb a100-80gb p100-16gb rtx-4090-24gb)
    list=$(IFS=,; echo "${kinds[*]}")
    slo=(--slo 'ttft_p99<=0.2')
    "$MBSAND" search kinds.lua --over "cluster.gpu=$list" --over cluster.gpus=1..16 "${slo[@]}" -j 1 >one.txt
    "$MBSAND" search kinds.lua --over "cluster.gpu=$list" --over cluster.gpus=1..16 "${slo[@]}" -j 3 --format csv >s.csv 2>err
    "$MBSAND" search kinds.lua --over "cluster.gpu=$list" --over cluster.gpus=1..16 "${slo[@]}" -j 3 | cmp one.txt -
    price() { # price KIND: by the table of GPUs
        lua5.4 - "$root/data/gpus.csv" "$1" <<'END'
local at
for line in io.lines(arg[1]) do
  local cells = {}
  for cell in (line:gsub('%b""', "x") .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
  for i, name in ipairs(cells) do if name == "usd_per_hour" then at = i end end
  if cells[1] == arg[2] then print(cells[at]) end
end
END
    }
    best=""
    for kind in h100-80gb l40s-48gb a100-80gb rtx-4090-24gb; do
        "$MBSAND" kinds.lua --over cluster.gpus=1..16 --set cluster.gpu=$kind --only sarathi -q --format csv >grid.csv 2>/dev/null
        want=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next } $c["ttft_p99_s"] > 0.2 && $1 > worst { worst = $1 } END { print worst + 1 }' grid.csv)
        # Of a policy, every row but the runs; "met everywhere" has no value, and one GPU is enough.
        got=$(awk -F, -v kind=$kind '$1 == kind && $2 == "sarathi" && $4 != "run" { n = $5 == "" ? 1 : $5; if (n > most) most = n } END { print most }' s.csv)
        [ "$got" = "$want" ] || { echo "$kind: $got, by the grid $want"; return 1; }
        usd=$(price $kind)
        cost=$(awk -F, -v kind=$kind '$1 == kind && $2 == "sarathi" && $4 != "run" { print $8; exit }' s.csv)
        awk -v a="$cost" -v b="$usd" -v n="$want" 'BEGIN { exit !(b == "" ? a == "" : a / (b * n) > 0.999999 && a / (b * n) < 1.000001) }' || { echo "$kind: $cost for $want at $usd"; return 1; }
        best=$(printf '%s\n%s %s %s' "$best" "${cost:-9999}" $kind "$want" | sed '/^$/d' | sort -n | head -n 1)
    done
    read -r cost kind count <<<"$best"
    output=$(<one.txt)
    says "$(printf 'Cheapest for sarathi: cluster.gpu=%s with cluster.gpus=%d, %.2f USD an hour.' "$kind" "$count" "$cost")"
    says "warning: cluster.gpu=p100-16gb does not run: llama-3.1-8b does not fit on p100-16gb"
    says "warning: cluster.gpu=rtx-4090-24gb has no price"
    says "step times are a roofline's"
    grep -q "does not fit on p100-16gb" err
    # Only numbers of GPUs that the shape allows, and several lists.
    run -0 "$MBSAND" search kinds.lua --over cluster.gpu=h100-80gb,l40s-48gb --over cluster.gpus=2..17:2 --over cluster.tp=1,2 "${slo[@]}" --seeds 1 --format csv
    [ "$(awk -F, '$5 == "run" && $6 % 2' <<<"$output" | wc -l)" = 0 ]
    [ "$(awk -F, '$5 != "run" { print $1, $2 }' <<<"$output" | sort -u | wc -l)" -ge 4 ]
    run -2 "$MBSAND" search kinds.lua --over cluster.gpus=1..4 --over cluster.tp=1..2 "${slo[@]}"
    says "cluster.gpus is searched over already"
    run -2 "$MBSAND" search kinds.lua --over cluster.gpu=h100-80gb,l40s-48gb "${slo[@]}"
    says "over which range?"
    run -2 "$MBSAND" search kinds.lua --over cluster.gpu=h100-80bg,l40s-48bg --over cluster.gpus=1..4 "${slo[@]}"
    says 'did you mean'
    run -2 "$MBSAND" search kinds.lua --over cluster.gpus=1..4:0.5 "${slo[@]}"
    says "the key takes whole numbers, and the step is 0.5"
}

@test "what cannot be found, and mistakes" {
    run -0 "$MBSAND" search gpus.lua --over cluster.gpus=30..40 --slo 'e2e_p99<=100'
    says "static_fifo all of 30..40"
    run -0 "$MBSAND" search gpus.lua --over cluster.gpus=1..2 --slo 'e2e_p99<=0.01'
    says "static_fifo none of 1..2"
    run -2 "$MBSAND" search gpus.lua --over cluster.gpus=4..1 --slo 'e2e_p99<=1'
    says "--over cluster.gpus=4..1: expected key=low..high or key=low..high:step with 0 < low < high"
    run -2 "$MBSAND" search gpus.lua --over cluster.gpus=1..4 --slo 'e2e_p98<=1'
    says "--slo e2e_p98<=1: 'e2e_p98' is no measure"
    run -2 "$MBSAND" search gpus.lua --over cluster.gpus=1..4 --slo 'e2e_p99=1'
    says "expected a measure, <= or >=, and a number above 0"
    run -2 "$MBSAND" search gpus.lua --over cluster.gpuss=1..4 --slo 'e2e_p99<=1'
    says 'cluster has no key "gpuss"; did you mean "gpus"?'
    run -2 "$MBSAND" search gpus.lua --slo 'e2e_p99<=1'
    says "over which key?"
    run -2 "$MBSAND" search gpus.lua --over cluster.gpus=1..4
    says "what is to be met?"
    run -2 "$MBSAND" search gpus.lua --over cluster.gpus=1..4 --slo 'e2e_p99<=1' --db s.db
    says "--db keeps the runs of --tune"
    run -2 "$MBSAND" search gpus.lua --tune params.batch_size=1..4 --shard 1/2
    says "a search goes on from what it finds"
    OMPI_COMM_WORLD_SIZE=2 run -2 "$MBSAND" search gpus.lua --over cluster.gpus=1..4 --slo 'e2e_p99<=1'
    says "2 ranks were started, and each would do the whole search"
    OMPI_COMM_WORLD_SIZE=2 run -2 "$MBSAND" sweep gpus.lua --db s.db
    says "this mbsand cannot share runs between them"
    echo 'return { schedule = function() error("boom") end }' >bad.lua
    run -1 "$MBSAND" search gpus.lua --over cluster.gpus=1..4 --slo 'e2e_p99<=1' --policy ./bad.lua
    says "bad.lua:1: boom"
    # A policy must not meet its SLO by turning requests away.
    cat >picky.lua <<'END'
return { arrive = function(self, req) if req.id % 2 == 0 then self.sim.queue:push(req) else self.sim:reject(req, "picky") end end,
  schedule = function(self, _, step) step:admit(self.sim.queue, 8) end }
END
    run -0 "$MBSAND" search gpus.lua --over cluster.gpus=30..40 --slo 'e2e_p99<=100' --policy ./picky.lua
    says "picky none of 30..40"
}
