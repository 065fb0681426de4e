// SPDX-License-Identifier: MIT
// One command in the core, in a thread of its own: the page ends it by ending the worker. It is told { module, data }, from
// which the core begins, then { files: { name: text }, words: [...], wanted: [names] }, and answers { progress }, { partly } and
// { code, out, err, files }.
"use strict";
/* global mbsand */
importScripts("core.js");

// What a policy prints without end is kept no longer than a page can show.
const MOST = 1 << 20, out = [], err = [];
let left = 0;
const take = (bytes) => (byte) => { if (bytes.length < MOST) bytes.push(byte); else if (byte !== null) left++; };
const text = (bytes) => new TextDecoder().decode(new Uint8Array(bytes)) + (bytes.length < MOST ? "" : "\n... and " + left + " bytes more\n");
let begun;
const begin = ({ module, data }) => mbsand({
  instantiateWasm: (imports, done) => { WebAssembly.instantiate(module, imports).then(done); return {}; },
  getPreloadedPackage: () => data,
  preRun: [(made) => made.FS.init(() => null, take(out), take(err))],
  onProgress: (done, jobs) => postMessage({ progress: { done, jobs } }),
  onPartly: (partly) => postMessage({ partly }),
});

onmessage = async ({ data: task }) => {
  if (task.module) { begun = begin(task); return; }
  try {
    const core = await begun;
    for (const [name, content] of Object.entries(task.files)) core.FS.writeFile(name, content);
    const code = core.callMain(task.words);
    const files = {};
    for (const name of task.wanted || [])
      if (core.FS.analyzePath(name).exists) files[name] = core.FS.readFile(name, { encoding: "utf8" });
    postMessage({ code, out: text(out), err: text(err), files });
  } catch (problem) {
    postMessage({ code: 1, out: text(out), err: text(err) + "mbsand: the page's core stopped: " + problem + "\n", files: {} });
  }
};
