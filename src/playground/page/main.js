// SPDX-License-Identifier: MIT
// The page around the core: an editor for a policy, a scenario with its knobs, and what the run of them says. Texts of users
// go into the page as text nodes alone; the report is the program's own page, in a frame that can reach nothing here.
import { basicSetup } from "codemirror";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { autocompletion } from "@codemirror/autocomplete";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { lua } from "@codemirror/legacy-modes/mode/lua";
import { tags } from "@lezer/highlight";
import CLASSES from "fetched-completions";

/* global begun */ // begin.js
const { START, OWN, EXAMPLE, PAGE, RUNS, ask, names, encode, decode, words, carry } = begun;
const at = (id) => document.getElementById(id);
const say = (text) => { at("status").textContent = text; };

function element(tag, attributes, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function fill(select, values, chosen) {
  select.replaceChildren(...values.map(([value, text]) => element("option", { value, textContent: text, selected: value === chosen })));
}

// --- the editor ------------------------------------------------------------------------------------------------

// What stands before the dot says of which kind it is; of another name any kind's members are offered.
const KINDS = { self: "Policy", sim: "Sim", replica: "Replica", step: "Step", req: "Request", request: "Request", queue: "Queue", inbox: "Queue", kv: "Kv", seen: "Seen", client: "Client" };
function complete(context) {
  const before = context.matchBefore(/[\w.]*[.:]\w*/);
  if (!before) return null;
  const [, whole, word] = /^(.*)[.:](\w*)$/.exec(before.text);
  const kind = KINDS[whole.split(".").pop()];
  const members = kind ? CLASSES[kind] || [] : Object.values(CLASSES).flat();
  const known = new Set();
  const options = members.filter(([name]) => !known.has(name) && known.add(name))
    .map(([label, type, detail, info]) => ({ label, type, detail, info }));
  return { from: before.to - word.length, options, validFor: /^\w*$/ };
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: "var(--word)" },
  { tag: tags.string, color: "var(--text)" }, { tag: tags.number, color: "var(--number)" },
  { tag: tags.comment, color: "var(--dim)", fontStyle: "italic" }, { tag: [tags.standard(tags.variableName), tags.special(tags.variableName)], color: "var(--name)" },
]);
const look = EditorView.theme({
  "&": { backgroundColor: "var(--bg)", color: "var(--fg)" },
  ".cm-scroller": { fontFamily: "ui-monospace, 'Cascadia Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace", fontSize: ".86rem" },
  ".cm-content": { caretColor: "var(--fg)" }, ".cm-cursor": { borderLeftColor: "var(--fg)" },
  ".cm-gutters": { backgroundColor: "var(--soft)", color: "var(--dim)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 9%, transparent)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent) !important" },
  ".cm-tooltip": { backgroundColor: "var(--soft)", color: "var(--fg)", border: "1px solid var(--line)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on)" },
  ".cm-completionIcon": { display: "none" },
});
const editor = new EditorView({
  parent: at("editor"),
  state: EditorState.create({
    doc: "",
    extensions: [
      keymap.of([{ key: "Mod-Enter", run: () => { run(); return true; } }]), // before "insert an empty line"
      basicSetup, StreamLanguage.define(lua), syntaxHighlighting(colours), look, lintGutter(), autocompletion({ override: [complete] }),
      EditorView.contentAttributes.of({ "aria-label": "The policy, in Lua", "aria-describedby": "hint" }),
      EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
    ],
  }),
});
const policy = () => editor.state.doc.toString();
const setPolicy = (text) => editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });

// Where the program's words say that something is wrong in the policy: at that line.
function showMistakes(text) {
  const flat = text.replace(/\n {2,}(?!stack|\.\/)/g, " ");
  const diagnostics = [], told = [];
  for (const [, number, said] of flat.matchAll(/\.\/my_policy\.lua:(?:(\d+):)? ([^\n]*)/g)) {
    const message = said.replace(/\s*stack traceback.*/, "");
    if (!number) { // of the whole script
      if (!told.includes(message)) told.push(message);
      continue;
    }
    const line = editor.state.doc.line(Math.min(Math.max(1, +number), editor.state.doc.lines));
    if (told.some((other) => other.startsWith("line " + number + ":")) || /^in (function|local|method|upvalue|main)/.test(message)) continue;
    told.push("line " + number + ": " + message);
    diagnostics.push({ from: line.from, to: line.to, severity: "error", message });
  }
  editor.dispatch(setDiagnostics(editor.state, diagnostics));
  at("mistake").hidden = !told.length;
  at("mistake").textContent = told.join("\n");
}

// --- the state, which a link holds -----------------------------------------------------------------------------

let scenarioPolicies = [], keys = {};
const holds = (key) => (keys[key] || "").replace(/; default .*/, ""); // what is not set is as the scenario says
const chosen = () => [...at("policies").querySelectorAll("input")].filter((box) => box.checked).map((box) => box.value);
const knobs = () => [...document.querySelectorAll(".knob")].map((row) => ["key", "value", "how"].map((name) => row.querySelector("." + name).value.trim()));

function state() {
  return { scenario: at("scenario").value, policy: policy(), params: at("params").value, only: chosen(), more: at("more").value,
    seeds: at("seeds").value, seed: at("seed").value, knobs: knobs() };
}
let written = ""; // the hash that this page wrote itself
function keep() {
  written = "#" + encode(state());
  history.replaceState(null, "", written);
}

let waiting = 0, quiet = false;
let latest = 0; // of what looks for mistakes, runs too: what an earlier one finds is not shown any more
function changed() {
  if (quiet) return;
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    keep();
    const text = policy(), own = ++latest;
    if (!text.trim()) return showMistakes("");
    const told = await ask(["check", "./" + OWN], { files: { [OWN]: text } });
    if (own === latest && text === policy()) showMistakes(told.err);
  }, 400);
}

function addKnob(key, value, way = "") {
  const says = element("small");
  const name = element("input", { className: "key", value: key, placeholder: "cluster.gpus", spellcheck: false, autocomplete: "off" });
  const field = element("input", { className: "value", value, placeholder: "as it is", spellcheck: false, autocomplete: "off" });
  name.setAttribute("list", "keys");
  name.setAttribute("aria-label", "Key of the scenario");
  field.setAttribute("aria-label", "Its value, or values");
  const how = element("select", { className: "how" });
  fill(how, [["", "="], ["over", "over"]], way);
  how.setAttribute("aria-label", "Set to a value, or run over several");
  const hint = () => { field.placeholder = how.value ? "1,2,4 or 1..8" : "as it is"; };
  how.onchange = () => { hint(); changed(); };
  hint();
  const explain = () => { says.textContent = holds(name.value); };
  name.oninput = () => { explain(); changed(); };
  field.oninput = changed;
  explain();
  const remove = element("button", { type: "button", textContent: "Remove" });
  const row = element("div", { className: "knob" }, name, how, field, remove, says);
  remove.onclick = () => { row.remove(); at("add").focus(); changed(); };
  at("knobs").append(row);
  return name;
}

// --- choosing --------------------------------------------------------------------------------------------------

async function describe(wantedOnly) { // []: all
  let found = START.described;
  if (at("scenario").value !== START.scenario) {
    const told = await ask(["describe", at("scenario").value]);
    if (told.code !== 0) return say(told.err);
    found = JSON.parse(told.out);
  }
  keys = found.keys;
  at("keys").replaceChildren(...Object.keys(keys).map((value) => element("option", { value })));
  for (const row of document.querySelectorAll(".knob")) row.querySelector("small").textContent = holds(row.querySelector(".key").value);
  scenarioPolicies = [...new Set(found.policies || [])];
  at("question").textContent = found.skipped ? "Cannot run here: " + found.skipped : found.question || found.title || "";
  at("script").textContent = found.text || "";
  at("seeds").placeholder = found.seeds || "";
  const boxes = scenarioPolicies.map((name) => {
    const box = element("input", { type: "checkbox", value: name, checked: !wantedOnly.length || wantedOnly.includes(name) });
    box.onchange = changed;
    return element("label", {}, box, " " + name);
  });
  at("policies").replaceChildren(...boxes);
}

async function load(value) {
  quiet = true;
  for (const id of ["scenario", "params", "more", "seeds", "seed"]) at(id).value = value[id];
  setPolicy(value.policy);
  at("knobs").replaceChildren();
  for (const knob of value.knobs) addKnob(...knob);
  await describe(value.only);
  quiet = false;
}

// --- running ---------------------------------------------------------------------------------------------------

let running = null; // the run that goes on
const quote = (word) => (/^[\w./,=:-]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'");

let links = [];
function offer(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  links.push(url);
  return element("a", { href: url, download: name, textContent: name });
}

function busy(run) {
  running = run;
  at("run").disabled = Boolean(run);
  at("stop").disabled = !run;
  at("progress").hidden = !run;
}

// The tables so far as well: what is below them is then still of the run before.
function showTable(run, text) {
  const given = words(run.state, scenarioPolicies).slice(1);
  at("result").hidden = false;
  at("result").classList.toggle("partly", running === run);
  at("command").textContent = "mbsand " + given.map(quote).join(" ").replace(" -q", "") + " --why";
  at("table").textContent = text;
  at("printed").hidden = true;
}

function showPage(run, files) {
  const page = files[PAGE];
  links.forEach((url) => URL.revokeObjectURL(url));
  links = [];
  at("charts").hidden = !page;
  at("charts").srcdoc = page ? page.replace(/<\/body>\s*<\/html>\s*$/, "<script>onmessage = (told) => told.data === 'print' && print();</script>$&") : "";
  at("print").hidden = !page;
  at("files").replaceChildren(...(page ? [offer("report.html", "text/html", page), offer(RUNS, "text/csv", files[RUNS]), offer(OWN, "text/x-lua", run.state.policy)] : []));
}

function showProgress(run) {
  const { done, jobs } = run.progress || { done: 0, jobs: 1 };
  at("progress").value = done / jobs;
  say(run.progress ? "Run " + done + " of " + jobs + " is done" : "Running ...");
  if (run.partly) showTable(run, run.partly);
  run.partly = null;
}

async function carryOut(run) {
  clearTimeout(waiting);
  latest++;
  keep();
  busy(run);
  run.watch = showProgress;
  showProgress(run);
  const told = await run.done;
  busy(null);
  if (!told) {
    const some = at("result").classList.contains("partly");
    if (some) showPage(run, {});
    at("result").classList.remove("partly");
    return say(some ? "Stopped. The table is of the runs that were done." : "Stopped.");
  }
  showMistakes(told.out + told.err);
  showTable(run, told.out || told.err);
  at("printed").hidden = !(told.out && told.err);
  at("words").textContent = told.err;
  showPage(run, told.files);
  const seconds = ((performance.now() - run.begun) / 1000).toFixed(2);
  return say(told.code === 0 ? "Done in " + seconds + " s." : "It did not go well; see what is said above and below. (" + seconds + " s)");
}

let over = Promise.resolve(); // when the run is
function run() {
  if (!running && !at("run").disabled) over = carryOut(carry(state(), scenarioPolicies));
  return over;
}

// --- the beginning ---------------------------------------------------------------------------------------------

async function begin() {
  const bundled = names(START.policies);
  fill(at("scenario"), names(START.scenarios).map((name) => [name, name]), "");
  fill(at("start"), [["", "..."], ["example", "the example"], ...bundled.map((name) => [name, name])], "");
  fill(at("more"), [["", "no other"], ...bundled.map((name) => [name, name])], "");
  await load(begun.first);
  if (begun.run) over = carryOut(begun.run);
  else {
    busy(null);
    say("The link is not whole; this is the beginning. Ready.");
  }
}

at("run").onclick = run;
at("stop").onclick = () => running && running.stop();
at("print").onclick = () => at("charts").contentWindow.postMessage("print", "*"); // of the frame alone
at("add").onclick = () => addKnob("", "").focus();
at("link").onclick = async () => {
  keep();
  await navigator.clipboard.writeText(location.href).then(() => say("The link is copied."), () => say("The link is in the address bar."));
};
at("scenario").onchange = async () => { await describe([]); changed(); };
at("start").onchange = async () => {
  const name = at("start").value;
  if (!name) return;
  if (name === "example") setPolicy(EXAMPLE);
  else {
    const told = await ask(["list", "scenarios"], { wanted: ["/mbsand/policies/" + name + ".lua"] });
    setPolicy(Object.values(told.files)[0] || "");
  }
  at("start").value = "";
};
for (const id of ["params", "seeds", "seed"]) at(id).oninput = changed;
at("more").onchange = changed;
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !editor.hasFocus) run();
});
addEventListener("hashchange", async () => {
  const given = location.hash !== written && decode(location.hash.slice(1));
  if (!given) return;
  if (running) running.stop();
  await over;
  await load(given);
  run();
});
begin();
