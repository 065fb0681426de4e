// SPDX-License-Identifier: MIT
// One command in the core, in a thread of its own: the page ends it by ending the worker. It is told
// { module, data, files: { name: text }, words: [...], wanted: [names] } and answers { progress } and { code, out, err, files }.
"use strict";
/* global mbsand */
importScripts("core.js");

onmessage = async ({ data: task }) => {
  const out = [], err = [];
  const text = (bytes) => new TextDecoder().decode(new Uint8Array(bytes));
  try {
    const core = await mbsand({
      instantiateWasm: (imports, done) => { WebAssembly.instantiate(task.module, imports).then(done); return {}; },
      getPreloadedPackage: () => task.data,
      preRun: [(made) => made.FS.init(() => null, (byte) => out.push(byte), (byte) => err.push(byte))],
      onProgress: (done, jobs) => postMessage({ progress: { done, jobs } }),
    });
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
