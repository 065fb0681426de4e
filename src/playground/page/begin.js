// SPDX-License-Identifier: MIT
// What runs before the editor is there: the state that a link holds, and the first run of it. main.js knows this as `begun`.
import START from "fetched-start";

export const OWN = "my_policy.lua", PAGE = "page.html", RUNS = "runs.csv";
const FIRST = { scenario: START.scenario, seeds: "3", only: ["static_fifo", "static_sjf", "vllm_v1"], knobs: [["cluster.gpus", ""]] };

export const EXAMPLE = `-- Shortest predicted request first, in batches of up to 16.
local Shortest = { params = { batch_size = 16 } }

function Shortest:init()
  self.sim.inbox = self.sim:queue{ by = "predicted_total" }
end

function Shortest:schedule(replica, step)
  if replica.running > 0 then return end -- a batch is served as a whole
  step:admit(self.sim.inbox, self.params.batch_size)
  step:barrier()
end

return Shortest
`;

// --- the core, one worker for each command ---------------------------------------------------------------------

/* global fetched, freshWorker, spare:writable */ // index.html
// `done` is what the worker says in the end, or null: it was stopped. Meanwhile `progress` and `partly` are what it said last,
// and `watch` is called.
export function start(words, { files = {}, wanted = [] } = {}) {
  let end, worker = null;
  const run = { progress: null, partly: null, watch: null };
  run.done = new Promise((resolve) => { end = resolve; });
  run.stop = () => {
    if (worker) worker.terminate();
    spare = spare || freshWorker(); // not beside a run, which has the processor for itself
    end(null);
  };
  const fail = (problem) => end({ code: 1, out: "", err: "mbsand: the page's core did not start: " + problem.message, files: {} });
  fetched.then(() => {
    worker = spare || freshWorker();
    spare = null;
    worker.onmessage = ({ data: told }) => {
      if ("code" in told) {
        end(told);
        return run.stop();
      }
      Object.assign(run, told);
      return run.watch && run.watch(run);
    };
    worker.onerror = fail;
    worker.postMessage({ words, files, wanted });
  }).catch(fail);
  return run;
}
export const ask = (words, more) => start(words, more).done;

// "  name   what it is" of each line, without the lines that go on.
export const names = (text) => text.split("\n").map((line) => /^ {2}(\S+)/.exec(line)).filter(Boolean).map((found) => found[1]);

// --- the state, which a link holds -----------------------------------------------------------------------------

export function encode(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
export function decode(text) { // null: it is none
  try {
    const value = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0))));
    return value && typeof value === "object" && typeof value.scenario === "string" ? whole(value) : null;
  } catch { return null; }
}
// Whoever wrote the link: texts, a scenario that there is, and lists.
function whole(value) {
  const text = (content) => (["string", "number"].includes(typeof content) ? String(content) : "");
  const list = (content) => (Array.isArray(content) ? content : []);
  return { scenario: names(START.scenarios).includes(value.scenario) ? value.scenario : FIRST.scenario, policy: text(value.policy), params: text(value.params),
    only: list(value.only).map(text), more: text(value.more), seeds: text(value.seeds), seed: text(value.seed),
    knobs: list(value.knobs).map((knob) => [0, 1, 2].map((n) => text(list(knob)[n]))) }; // the third: "over", of a sweep
}

// What the program is told; `known`: the scenario's own policies, all of which are run where none are chosen.
export function words(state, known) {
  const given = ["run", state.scenario, "-q"];
  const only = known ? state.only.filter((name) => known.includes(name)) : state.only;
  if (only.length && !(known && only.length === known.length)) given.push("--only", only.join(","));
  if (state.policy.trim()) given.push("--policy", "./" + OWN + (state.params.trim() ? "," + state.params.trim() : ""));
  if (state.more) given.push("--policy", state.more);
  if (state.seeds) given.push("--seeds", state.seeds);
  if (state.seed) given.push("--seed", state.seed);
  for (const [key, value, how] of state.knobs) if (key && value) given.push(how === "over" ? "--over" : "--set", key + "=" + value);
  return given;
}
export const carry = (state, known) => Object.assign(
  start([...words(state, known), "-o", PAGE], { files: { [OWN]: state.policy }, wanted: [PAGE, RUNS] }), { begun: performance.now(), state });

const linked = location.hash.length > 1 ? decode(location.hash.slice(1)) : null;
export const broken = location.hash.length > 1 && !linked;
export const first = linked || whole({ ...FIRST, policy: EXAMPLE });
export const run = broken ? null : carry(first, first.scenario === START.scenario ? [...new Set(START.described.policies)] : null);
export { START };
