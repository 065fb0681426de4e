// node playground_page.cjs URL FOLDER: opens the page in Chromium, by the playwright-core of FOLDER, and prints as JSON what
// became of it. What goes wrong in it is told on standard error.
"use strict";
const path = require("path");
const [url, folder, shots] = process.argv.slice(2);
const { chromium } = require(path.join(folder, "node_modules", "playwright-core"));
(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
  const found = { wrong: [] };
  page.on("console", (said) => { if (["error", "warning"].includes(said.type())) found.wrong.push(said.text()); });
  page.on("pageerror", (problem) => found.wrong.push(String(problem)));
  page.on("requestfailed", (request) => found.wrong.push("failed: " + request.url()));
  const status = (pattern) => page.waitForFunction((p) => new RegExp(p).test(document.getElementById("status").textContent), pattern, { timeout: 60000 });
  const shot = async (name) => { if (shots) await page.screenshot({ path: path.join(shots, name + ".png"), fullPage: true }); };
  const begun = Date.now();
  await page.goto(url);
  await status("^Done");
  found.first_ms = Date.now() - begun;
  found.first = await page.textContent("#status");
  found.table = await page.textContent("#table");
  found.command = await page.textContent("#command");
  const frame = await (await page.$("#charts")).contentFrame();
  await (await page.$("#charts")).scrollIntoViewIfNeeded();
  await frame.waitForSelector("figure canvas", { timeout: 10000 }).catch(() => found.wrong.push("no chart"));
  found.charts = await frame.$$eval("figure canvas", (all) => all.length);
  await shot("first");
  // A mistake is shown at its line; the keyboard alone is enough for it, and for the next run.
  await page.click(".cm-content");
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("local P = {}\nfunction P:schedule(replica, step)\n  step:admit(nil + 1)\nend\nreturn P\n");
  await page.keyboard.press("Control+Enter");
  await status("^It did not go well");
  found.mistake = await page.textContent("#mistake");
  found.marks = await page.$$eval(".cm-lintRange-error", (all) => all.map((mark) => mark.textContent));
  found.failed_page = await (await (await page.$("#charts")).contentFrame()).textContent("h1");
  await shot("mistake");
  // The editor knows the members of what stands before the dot.
  await page.keyboard.press("Control+a");
  await page.keyboard.type("replica:");
  await page.keyboard.press("Control+Space");
  await page.waitForSelector(".cm-tooltip-autocomplete");
  found.offered = await page.$$eval(".cm-completionLabel", (all) => all.map((item) => item.textContent));
  await page.keyboard.press("Escape");
  // An endless hook ends by its budget; a run is stopped by the button; a link holds the whole state.
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("local P = {}\nfunction P:schedule()\n  while true do end\nend\nreturn P\n");
  await page.keyboard.press("Control+Enter");
  await status("^Running");
  await page.click("#stop");
  await status("^Stopped");
  await page.selectOption("#scenario", "continuous_burst");
  await page.waitForFunction(() => document.querySelectorAll("#policies input").length > 1);
  await page.fill("#seeds", "1");
  await page.waitForTimeout(600);
  const other = await browser.newPage();
  await other.goto(page.url());
  await other.waitForFunction(() => !document.getElementById("run").disabled || !document.getElementById("stop").disabled);
  found.linked = await other.evaluate(() => [document.getElementById("scenario").value, document.getElementById("seeds").value, document.querySelector(".cm-content").textContent.includes("while true")]);
  await other.close();
  found.unnamed = await page.$$eval("button, select, input, [role]", (all) => all.filter((e) => !e.closest(".cm-editor") && !(e.labels && e.labels.length) && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby") && !e.textContent.trim() && !["status", "alert"].includes(e.getAttribute("role"))).map((e) => e.outerHTML));
  await page.emulateMedia({ colorScheme: "dark" });
  await shot("dark");
  await browser.close();
  console.log(JSON.stringify(found));
})().catch((problem) => { console.error(problem); process.exit(1); });
