// SPDX-License-Identifier: MIT
// node core.cjs FOLDER ARGUMENTS...: the core of the page in FOLDER, with the program's arguments; a scenario or
// policy of this machine is put beside it under its own name. What it prints and its exit code are its own; what
// `-o page.html` asks for is left in the current folder.
"use strict";
const fs = require("fs"), path = require("path");
const folder = path.resolve(process.argv[2]), words = process.argv.slice(3);
const data = fs.readFileSync(path.join(folder, "core.data"));
const out = [], err = [];
require(path.join(folder, "core.js"))({
  wasmBinary: fs.readFileSync(path.join(folder, "core.wasm")),
  getPreloadedPackage: () => data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
  preRun: [(core) => core.FS.init(() => null, (byte) => out.push(byte), (byte) => err.push(byte))],
}).then((core) => {
  for (const word of words) if (word.endsWith(".lua") && fs.existsSync(word)) core.FS.writeFile(word, fs.readFileSync(word));
  const start = process.cpuUsage();
  process.exitCode = core.callMain(words);
  if (process.env.TIMED) console.error((process.cpuUsage(start).user + process.cpuUsage(start).system) / 1e6);
  fs.writeSync(1, Buffer.from(out));
  fs.writeSync(2, Buffer.from(err));
  for (const name of ["page.html", "runs.csv"]) if (core.FS.analyzePath(name).exists) fs.writeFileSync(name, core.FS.readFile(name));
});
