#!/usr/bin/env bats
# What the program writes is what data/summary.schema.json says.

load helpers

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

@test "summary.json keeps its schema, whatever was asked for" {
    python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
    cat >classes.lua <<'END'
return scenario {
  workload = synthetic { arrivals = arrivals.poisson { rate = 4 }, limit = 60, classes = {
    { name = "chat", share = 3, prompt = 100, output = 50, slo = { ttft = 1 } }, { name = "long", share = 1, prompt = 1000, output = 20 } } },
  latency = latency.step { base = 0.010, per_token = 5e-5 },
  over = { { "cluster.gpus", { 1, 2 } } }, cluster = { kv_blocks = 4000 }, policies = { "vllm_v1", "fcfs" }, seeds = 2,
}
END
    echo 'local P = {} function P:schedule() error("no") end return P' >bad.lua
    "$MBSAND" classes.lua --by class --why --control --out one --quiet >/dev/null
    "$MBSAND" burst --set workload.limit=60 --seeds 2 --bound --until '50%' --max-seeds 3 --out two --quiet >/dev/null
    run -1 "$MBSAND" burst --set workload.limit=60 --seeds 1 -p ./bad.lua --baseline vllm_v1 --out three --quiet
    python3 - "$root/data/summary.schema.json" <<'END'
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
check = jsonschema.Draft7Validator(schema)
for name in ("one", "two", "three"):
    summary = json.load(open(name + "/summary.json"))
    for error in check.iter_errors(summary):
        sys.exit("%s: %s: %s" % (name, list(error.path), error.message))
run = summary["results"][0]["policies"][0]["runs"][0]
run["values"]["e2e_mean_s"] = "long"
assert not check.is_valid(summary), "a schema that takes anything"
END
}
