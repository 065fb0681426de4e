// SPDX-License-Identifier: MIT
// node start.cjs FOLDER SCENARIO: what the page shows before its core has said anything, as JSON: the lists of scenarios and
// policies, and the scenario that it begins with. The first run need not wait for three commands.
"use strict";
const path = require("path"), { execFileSync } = require("child_process");
const [folder, scenario] = process.argv.slice(2);
const core = (...words) => execFileSync(process.execPath, [path.join(__dirname, "../core.cjs"), folder, ...words], { encoding: "utf8" });
process.stdout.write(JSON.stringify({ scenarios: core("list", "scenarios"), policies: core("list", "policies"), scenario,
  described: JSON.parse(core("describe", scenario)) }));
