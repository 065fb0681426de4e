# mbsand report: one page. What is in it is read by jq; whether it draws, in Chromium where that is installed.

bats_require_minimum_version 1.5.0
load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    cat >evil.lua <<'END'
local title, label = '</script><b onclick="x">"evil"&\'', '<img src=x onerror=alert(1)></script>'
return scenario { title = title, question = "Is <i>this</i> a question?",
  workload = synthetic { arrivals = arrivals.poisson { rate = 2 }, prompt = lengths.uniform { low = 50, high = 400 },
    output = lengths.uniform { low = 20, high = 300 }, limit = 200 },
  latency = latency.step { base = 0.02, per_token = 2e-4, per_context = 1e-6 }, cluster = { gpus = 2, kv_blocks = 60, kv_block = 16 },
  slo = { e2e = 30 }, policies = { "vllm_v1", { "static_fifo", label = label }, { "multi_bin_continuous", bins = 3 } }, seeds = 3 }
END
    "$MBSAND" report evil.lua -o evil.html -q >said.txt
    "$MBSAND" sweep evil.lua --over cluster.gpus=1,2,4 --seeds 2 --why --db sweep.db -q 2>/dev/null
    "$MBSAND" report sweep.db -o sweep.html >/dev/null 2>&1
    "$MBSAND" sweep evil.lua --over workload.arrivals.rate=0.5,1,2 --over cluster.gpus=1,2 --seeds 2 --why --db two.db -q 2>/dev/null
    "$MBSAND" report two.db -o two.html >/dev/null 2>&1
    "$MBSAND" search evil.lua --tune params.bins=1..4 --tune params.batch_size=4..8 --measure ttft_p99 --seeds 2 --fresh 3 --db tuned.db --format json -q >tuned.json 2>/dev/null
    "$MBSAND" report tuned.db -o tuned.html >/dev/null 2>&1
}

setup() { cd "$BATS_FILE_TMPDIR" || return; }

# The data of a page's charts.
data() { sed -n 's/.*<script type="application\/json" id="data">\(.*\)<\/script>$/\1/p' "$1"; }

@test "a page holds the question, the table with its intervals and every warning" {
    grep -qE '^evil.html: [0-9]+ KB$' said.txt
    "$MBSAND" evil.lua --why >table.txt 2>&1
    for number in $(sed -n '/^policy/,/^$/p' table.txt | grep -oE '[0-9.]+±[0-9.]+|\([0-9.]+\.\.[0-9.]+\)' | sort -u); do
        grep -qF -- "$number" evil.html || { echo "not there: $number"; false; }
    done
    # Sentences of the table that are wrapped there.
    tr -s ' \n' ' ' <evil.html | sed 's/&lt;/</g; s/&gt;/>/g; s/&#39;/'"'"'/g; s/&quot;/"/g; s/&amp;/\&/g; s/<[^>]*>//g' >flat.txt
    tr -s ' \n' ' ' <table.txt | grep -oE '(note|warning): [^:]*' | sed -E 's/^[a-z]+: //; s/ (note|warning|mbsand)$//' | cut -c1-60 >notes.txt
    [ -s notes.txt ]
    while read -r note; do grep -qF -- "${note%%<*}" flat.txt || { echo "not there: $note"; false; }; done <notes.txt
    grep -qF 'Is &lt;i&gt;this&lt;/i&gt; a question?' evil.html
    grep -q '<h2>Is &lt;i&gt;' evil.html
    [ "$(grep -c 'Geometric means over the seeds' evil.html)" -eq 1 ]
}

@test "texts of users are texts, and nothing is fetched" {
    [ "$(grep -o '<script' evil.html | wc -l)" -eq 3 ]
    [ "$(grep -o '</script>' evil.html | wc -l)" -eq 3 ]
    ! grep -qE '<img|<b onclick|<i>this' evil.html
    ! grep -qE '(src|href)="?(https?:)?//' evil.html
    grep -q "default-src 'none'" evil.html
    data evil.html | jq -e '.[0].points[0].policies[1].label == "<img src=x onerror=alert(1)></script>"'
}

@test "the data of the charts is that of the run" {
    "$MBSAND" evil.lua --only vllm_v1 --seeds 1 --out d --dump requests,batches >/dev/null
    data evil.html | jq '.[0].points[0].policies[0]' >policy.json
    # Batches by their time: the mean over all intervals is that of the steps.
    want=$(awk -F, 'NR > 1 { s += $6 * ($4 - $3); t += $4 - $3 } END { print s / t }' d/batches-vllm_v1-1.csv)
    jq -e --argjson want "$want" '[.series.batch[0][] | select(. != null)] | add / length | . > $want * 0.8 and . < $want * 1.2' policy.json
    # Waiting: the integral over time is the sum of the waits of all requests (preempted ones wait again).
    jq -e '.series.waiting[0] | length > 100' policy.json
    jq -e '.series.memory[2] | max <= 100 and max > 90' policy.json
    # Quantiles of the three seeds: the median lies between those of the seeds, in order.
    jq -e '.times.e2e | .[0] as $m | .[1] as $l | .[2] as $h | [range(0; 31)] | all($l[.] <= $m[.] * 1.001 and $m[.] <= $h[.] * 1.001)' policy.json
    jq -e '.times.e2e[0] | . == sort' policy.json
    # A time's parts add up to its mean.
    "$MBSAND" evil.lua --only vllm_v1 --format json 2>/dev/null | jq '.. | objects | select(has("mean")) | .mean.e2e_mean_s' | head -1 >mean.txt
    jq -e --argjson mean "$(cat mean.txt)" '.parts | add | . > $mean * 0.998 and . < $mean * 1.002' policy.json
    data evil.html | jq -e '.[0].points[0].policies[2].bins | length == 3 and (flatten | add) >= 200'
    data sweep.html | jq -e '.[0] | .keys == ["cluster.gpus"] and ([.points[].keys[0]] == ["1", "2", "4"]) and (.points[0].policies[0] | has("series") | not)'
    # The same bytes for any number of threads, but for what the clock measured.
    "$MBSAND" report evil.lua --jobs 1 -o - -q 2>/dev/null >one.html
    "$MBSAND" report evil.lua --jobs 3 -o - -q 2>/dev/null >three.html
    data one.html >one.json
    data three.html >three.json
    cmp one.json three.json
}

@test "what a scenario prints of its own is the answer; mistakes are said" {
    sed 's/seeds = 3/seeds = 1, report = function() print("the <own> answer") end/' evil.lua >own.lua
    "$MBSAND" report own.lua -o own.html -q >own.txt
    grep -q 'the &lt;own&gt; answer' own.html
    [ "$(wc -l <own.txt)" -eq 1 ]
    run -2 "$MBSAND" report sweep.db --seeds 3
    says "sweep.db holds results"
    run -2 "$MBSAND" report
    says "which scenario?"
    run -1 "$MBSAND" report own.lua -q -o none/page.html
    says "cannot write none/page.html"
    "$MBSAND" pack own.lua -o own.mbs >/dev/null
    "$MBSAND" report own.mbs -q -o packed.html
    grep -q 'the &lt;own&gt; answer' packed.html
}

@test "the libraries in the tree are those that they say they are" {
    cd "$root/third_party/musl"
    sha256sum -c SHA256SUMS
    cd "$root/third_party/uplot"
    sha256sum -c SHA256SUMS
    grep -qF "$(sed -n 's/^version=//p' fetch)" uPlot.iife.min.js
}

@test "in a browser: no errors, every chart has marks, in both themes" {
    command -v chromium >/dev/null || skip "needs chromium"
    cat >probe.html <<'END'
<script>
window.wrong = [];
addEventListener("error", (e) => wrong.push(String(e.message)));
addEventListener("unhandledrejection", (e) => wrong.push(String(e.reason)));
addEventListener("securitypolicyviolation", (e) => wrong.push("blocked: " + e.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...said) => wrong.push(said.join(" "));
window.alert = () => wrong.push("alert");
</script>
END
    cat >check.html <<'END'
<script>
(async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))));
  await drawn();
  // Marks: pixels whose colour is none of the greys of axes and text.
  const marks = (canvas) => {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 100 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 40) count++;
    return count;
  };
  const all = () => [...document.querySelectorAll("figure")].map((f) => [f.querySelector("h3").textContent, f.querySelector("canvas") ? marks(f.querySelector("canvas")) : 0]);
  // Charts are drawn when they come near what is seen.
  const scroll = async () => {
    for (const figure of document.querySelectorAll("figure")) { figure.scrollIntoView(); await drawn(); }
  };
  // What axe-core finds serious, where it is there.
  const serious = async () => window.axe ? (await axe.run(document, { resultTypes: ["violations"] })).violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ")).join(", ")) : [];
  const before = all().filter(([, count]) => count > 0).length;
  await scroll();
  const found = { theme: [document.documentElement.dataset.theme], charts: [all()], before, axe: await serious() };
  // What the tables of a chart hold.
  const table = async (title) => {
    const figure = [...document.querySelectorAll("figure")].find((f) => f.querySelector("h3").textContent === title);
    if (!figure) return null;
    figure.querySelector("details").open = true;
    await drawn();
    const rows = [...figure.querySelectorAll("tbody tr")].map((r) => [...r.children].map((c) => c.textContent));
    figure.querySelector("details").open = false;
    return rows;
  };
  found.map = await table("A map of two keys");
  found.capacity = await table("Capacity");
  found.trials = await table("As the tuning went");
  // On paper: all of them, the choices in words, and who is who beside each.
  dispatchEvent(new Event("beforeprint"));
  await drawn();
  found.paper = { theme: document.documentElement.dataset.theme, charts: all(), legends: document.querySelectorAll("figure .legend").length, said: [...document.querySelectorAll(".controls:not(.legend)")].map((c) => c.dataset.said) };
  dispatchEvent(new Event("afterprint"));
  found.left = document.querySelectorAll("figure .legend").length;
  document.getElementById("theme").click();
  await scroll();
  found.theme.push(document.documentElement.dataset.theme);
  found.charts.push(all());
  found.axe.push(...await serious());
  // Every control works, and every chart has its numbers as a table.
  for (const box of document.querySelectorAll("input[type=checkbox], select"))
    { if (box.options) box.selectedIndex = box.options.length - 1; else box.click(); box.dispatchEvent(new Event("change")); }
  for (const box of document.querySelectorAll("input[type=checkbox]")) if (box.closest(".legend")) box.click();
  for (const box of document.querySelectorAll("input[type=number]")) { box.value = box === document.querySelector("input[type=number]") ? "5" : "20"; box.dispatchEvent(new Event("change")); }
  document.querySelectorAll("figure details").forEach((d) => { d.open = true; d.dispatchEvent(new Event("toggle")); });
  await drawn();
  found.rows = [...document.querySelectorAll("figure")].map((f) => f.querySelectorAll("tbody tr").length);
  found.unnamed = [...document.querySelectorAll("button, select, input, [role=img], [role=region]")].filter((e) =>
    !(e.getAttribute("aria-label") || e.textContent.trim() || (e.closest("label") && e.closest("label").textContent.trim()))).length;
  found.wrong = window.wrong;
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.replaceChildren(out);
})();
</script>
END
    axe=${XDG_CACHE_HOME:-$HOME/.cache}/mbsand-playground/node_modules/axe-core/axe.min.js
    [ ! -e "$axe" ] || { echo '<script>'; cat "$axe"; echo '</script>'; } >axe.html
    for page in evil tuned two; do
        awk -v probe="$(cat probe.html)" '/^<title>/ { print probe } { print }' $page.html | sed '/^<\/body>/,$d' >probed.html
        cat axe.html check.html >>probed.html 2>/dev/null
        timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1200,900 --virtual-time-budget=20000 --user-data-dir="$PWD/chromium" \
            --dump-dom "file://$PWD/probed.html" 2>/dev/null | sed -n 's/.*<pre id="found">\(.*\)<\/pre>.*/\1/p' >found.json
        jq -e '.wrong == [] and .axe == [] and .unnamed == 0' found.json || { cat found.json; false; }
        jq -e '.theme | unique | length == 2' found.json
        jq -e '.charts | all(all(.[1] > 100))' found.json || { cat found.json; false; }
        jq -e '.rows | all(. > 0)' found.json || { cat found.json; false; }
        jq -e '.paper.theme == "light" and (.paper.charts | all(.[1] > 400)) and .paper.legends > 0 and .left == 0 and (.paper.said | all(length > 0))' found.json || { cat found.json; false; }
        if [ $page = tuned ]; then
            # The best of the trials is the one that the search told, and the line of the best so far ends there.
            jq -e --slurpfile told tuned.json '[$told[0].policies[] | select(.values != {}) | {policy, at: ([.values[].tuned] | sort), value: .on_tuning_seeds}] as $best
                | .trials as $rows | $best | length == 2 and all(. as $b | [$rows[] | select(.[0] == $b.policy)] as $mine
                | ($mine | last | .[-1] | tonumber) as $reached | ($reached - $b.value | fabs) < 1e-3 * $b.value
                and any($mine[]; .[-2] == .[-1] and (.[-1] | tonumber) == $reached and (. as $row | $b.at | all(. as $v | $row[2] | contains("=" + $v)))))' found.json || { jq .trials found.json; cat tuned.json; false; }
        elif [ $page = evil ]; then jq -e '(.charts[0] | length == 9) and .before < 9' found.json || { cat found.json; false; }; else jq -e '.charts[0] | length == 5' found.json; fi
    done
    # The map has the levels of the points, and the capacity is where a straight line between two of them meets the bound.
    data two.html | jq -c '.[0] | (.measures | map(.name) | index("slo_attainment")) as $m | [.points[] | {rate: .keys[0], gpus: .keys[1], of: [.policies[] | {name: .label, first: .levels[0], kept: .levels[$m][0]}]}]' >points.json
    jq -e --slurpfile points points.json '.map as $map | $points[0] | map(. as $p | .of[0] | [.name, $p.rate, $p.gpus, (.first[0] | tostring)]) | sort == ($map | map(.[:4]) | sort)' found.json || { cat found.json points.json; false; }
    jq -e --slurpfile points points.json '[$points[0][] | select(.gpus == "1")] as $line | .capacity | length == 3 and all(. as $row
        | [$line[] | {x: (.rate | tonumber), y: (.of[] | select(.name == $row[0]) | .kept)}] | sort_by(.x) as $at
        | if all($at[]; .y >= 90) then $row[1] == "at all that were run" elif all($at[]; .y < 90) then $row[1] == "at none that was run"
          else ([$at[] | select(.y >= 90)] | last) as $a | ([$at[] | select(.y < 90)] | first) as $b
            | $row[1] == "up to" and ($a.x + (90 - $a.y) / ($b.y - $a.y) * ($b.x - $a.x) - ($row[2] | tonumber) | fabs < 1e-3) end)' found.json || { cat found.json points.json; false; }
}

@test "figures: their numbers and their script, drawn where gnuplot is" {
    mkdir -p bare figures
    run -1 env PATH="$PWD/bare" "$MBSAND" plot sweep.db --figure sweep --measure e2e_mean -o figures/s.pdf
    says "gnuplot is not installed (Debian: gnuplot-nox); \`gnuplot figures/s.gp\` draws it from what was written"
    [ ! -e figures/s.pdf ]
    # The numbers are those of the table: of the first policy at three points.
    "$MBSAND" show sweep.db --format json 2>/dev/null | jq -r '[.. | objects | select(.policy? == "vllm_v1" and has("level")) | .level.e2e_mean_s] | .[]' >want.txt
    awk '/^$/ { exit } !/^#/ { print $1, $2 }' figures/s.dat >got.txt
    [ "$(cut -d' ' -f1 got.txt | tr '\n' ' ')" = "1 2 4 " ]
    [ "$(wc -l <want.txt)" -eq 3 ]
    paste -d' ' want.txt got.txt | awk '($1 - $3) ^ 2 > ($1 * 1e-6) ^ 2 { exit 1 }'
    # Twelve lines, twelve looks.
    "$MBSAND" plot evil.lua --seeds 1 -q --figure cdf -o figures/twelve.svg $(for n in 1 2 3 4 5 6 7 8 9; do echo "-p multi_bin_continuous,bins=$((n + 1))"; done) 2>errors.txt || grep -q 'gnuplot is not installed' errors.txt
    [ "$(grep -c '^set style line' figures/twelve.gp)" -eq 12 ]
    [ "$(sed -n 's/^set style line [0-9]* //p' figures/twelve.gp | sort -u | wc -l)" -eq 12 ]
    # A name is a name, whatever is in it.
    grep -qF "title '<img src=x onerror=alert(1)></script>'" figures/s.gp
    run -2 "$MBSAND" plot sweep.db --figure cdf -o figures/c.svg
    says "a database has no distributions"
    run -2 "$MBSAND" plot evil.lua --figure sweep -o figures/c.svg -q
    says "it is along one key"
    run -2 "$MBSAND" plot evil.lua --figure cdf -o figures/c.txt
    says "expected NAME.pdf, NAME.svg or NAME.png"
    run -2 "$MBSAND" plot evil.lua --figure pie -o figures/c.svg
    says "expected cdf, sweep, pareto, timeline or batches"
    command -v gnuplot >/dev/null || skip "drawing needs gnuplot"
    "$MBSAND" plot sweep.db --figure sweep -o figures/s.pdf
    [ "$(head -c 4 figures/s.pdf)" = "%PDF" ]
    for figure in cdf timeline batches pareto; do
        "$MBSAND" plot evil.lua --seeds 1 -q --figure $figure -o figures/$figure.svg 2>errors.txt
        grep -q '</svg>' figures/$figure.svg
        [ "$(grep -c '<path' figures/$figure.svg)" -gt 3 ]
    done
    "$MBSAND" plot evil.lua --seeds 1 -q --figure timeline --measure memory -o figures/m.png 2>errors.txt
    [ "$(head -c 4 figures/m.png | tail -c 3)" = "PNG" ]
}

@test "--plot: in the terminal's width, in ASCII where it has no other letters, and it changes no result" {
    LC_ALL=C COLUMNS=60 "$MBSAND" evil.lua --seeds 1 -q --plot >plot.txt 2>/dev/null
    LC_ALL=C COLUMNS=60 "$MBSAND" evil.lua --seeds 1 -q >plain.txt 2>/dev/null
    head -n "$(wc -l <plain.txt)" plot.txt | cmp - plain.txt
    tail -n +"$(($(wc -l <plain.txt) + 1))" plot.txt >drawn.txt
    [ "$(grep -c '^vllm_v1 ' drawn.txt)" -eq 5 ]
    [ "$(grep '^vllm_v1 ' drawn.txt | awk '{ print length }' | sort -u)" -eq 60 ]
    ! LC_ALL=C grep -q '[^ -~]' drawn.txt
    LC_ALL=C.UTF-8 COLUMNS=60 "$MBSAND" evil.lua --seeds 1 -q --plot 2>/dev/null | grep -q '█'
}
