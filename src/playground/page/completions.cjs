// SPDX-License-Identifier: MIT
// node completions.cjs FILE.lua...: the annotations for editors as JSON, { class: [[name, kind, detail, info], ...] }.
"use strict";
const fs = require("fs");
const classes = {};
for (const file of process.argv.slice(2)) {
  let owner = null, said = [];
  for (const line of fs.readFileSync(file, "utf8").split("\n")) {
    let found;
    if ((found = /^---@class mbsand\.(\w+)/.exec(line))) {
      owner = classes[found[1]] = classes[found[1]] || [];
    } else if ((found = /^---@field (\w+\??) (.*)$/.exec(line)) && owner) {
      owner.push([found[1].replace("?", ""), /^fun\(/.test(found[2]) ? "method" : "property", "", found[2]]);
    } else if ((found = /^function (\w+)[:.](\w+)(\(.*\)) end/.exec(line))) {
      (classes[found[1]] = classes[found[1]] || []).push([found[2], "method", found[3], said.join(" ")]);
      said = [];
    } else if ((found = /^---([^@].*)$/.exec(line))) {
      said.push(found[1].trim());
    } else if (!line.startsWith("---")) {
      said = [];
      if (!line.trim()) owner = null;
    }
  }
}
process.stdout.write(JSON.stringify(classes));
