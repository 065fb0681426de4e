// node playground_page.cjs URL FOLDER: opens the page in Chromium, by the playwright-core of FOLDER, and prints as JSON what
// became of it. What goes wrong in it is told on standard error.
"use strict";
const path = require("path"), fs = require("fs");
const [url, folder, shots] = process.argv.slice(2);
const { chromium } = require(path.join(folder, "node_modules", "playwright-core"));
// What axe-core finds serious, in both themes, in the page and in the report within it; the way of Tab through it; on paper.
async function look(page, frame, found) {
  const axe = fs.readFileSync(path.join(folder, "node_modules", "axe-core", "axe.min.js"), "utf8");
  const serious = (part) => part.evaluate(() => window.axe.run(document, { iframes: false, resultTypes: ["violations"] }).then(({ violations, passes }) =>
    [passes.length, ...violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.nodes.map((node) => node.target.join(" ")).join(", "))]));
  found.axe = [];
  for (const part of [page, frame]) await part.evaluate(axe);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    found.axe.push(await serious(page));
    await frame.evaluate((theme) => { if (document.documentElement.dataset.theme !== theme) document.getElementById("theme").click(); }, colorScheme);
    found.axe.push(await serious(frame));
  }
  // From the first control to the charts: everything that can be used is met, in the order in which it stands, seen, and left.
  await page.evaluate(() => { for (const e of document.querySelectorAll("button, select, input, summary, a, pre, [contenteditable]")) e.dataset.met = ""; });
  const wanted = await page.$$eval("[data-met]", (all) => all.filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility()).map((e) => e.id || e.className || e.value || e.textContent));
  found.walk = [];
  await page.focus("#start");
  for (let i = 0; i < 60 && (await page.evaluate(() => document.activeElement.id)) !== "charts"; i++) {
    found.walk.push(await page.evaluate(() => {
      const e = document.activeElement, framed = e.closest(".cm-editor") || e, look = getComputedStyle(framed);
      return [e.id || e.className || e.value || e.textContent, look.outlineStyle === "solid" && parseFloat(look.outlineWidth) >= 2];
    }));
    await page.keyboard.press("Tab");
    // (The report's frame is of another process, which takes the focus a little later.)
    await page.waitForFunction(() => document.activeElement !== document.body, null, { timeout: 10000 }).catch(() => {});
  }
  found.unmet = wanted.filter((name) => name !== "Licences" && !found.walk.some(([met]) => met === name));
  // Paper is light, whatever the screen is; the policy and the table are whole, and there is nothing to press.
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.setViewportSize({ width: 690, height: 1000 });
  await page.evaluate(() => new Promise((measured) => requestAnimationFrame(() => requestAnimationFrame(measured))));
  found.paper = await page.evaluate(() => {
    const seen = (id) => document.getElementById(id).checkVisibility();
    const table = document.getElementById("table"), scroller = document.querySelector(".cm-scroller");
    return { ink: getComputedStyle(document.body).color, seen: ["editor", "scenario", "table", "charts", "run", "status", "hint"].filter(seen),
      cut: [table, scroller].filter((e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1).length };
  });
  await page.setViewportSize({ width: 1280, height: 1400 });
  await page.emulateMedia({ media: null, colorScheme: "light" });
  await frame.evaluate(() => { window.print = () => { window.printed = true; }; });
  await page.click("#print");
  await frame.waitForFunction(() => window.printed);
}
(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
  const found = { wrong: [] };
  page.on("console", (said) => { if (["error", "warning"].includes(said.type())) found.wrong.push(said.text()); });
  page.on("pageerror", (problem) => found.wrong.push(String(problem)));
  page.on("requestfailed", (request) => found.wrong.push("failed: " + request.url()));
  const status = (pattern) => page.waitForFunction((p) => new RegExp(p).test(document.getElementById("status").textContent), pattern, { timeout: 60000 });
  const shot = async (name) => { if (shots) await page.screenshot({ path: path.join(shots, name + ".png"), fullPage: true }); };
  await page.addInitScript(() => { // every table that is shown
    window.tables = [];
    new MutationObserver(() => {
      const table = document.getElementById("table");
      if (table && table.textContent && table.textContent !== window.tables.at(-1)) window.tables.push(table.textContent);
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
  const begun = Date.now();
  await page.goto(url);
  await status("^Done");
  found.first_ms = Date.now() - begun;
  found.first = await page.textContent("#status");
  found.tables = await page.evaluate(() => window.tables);
  found.table = await page.textContent("#table");
  found.command = await page.textContent("#command");
  const frame = await (await page.$("#charts")).contentFrame();
  await (await page.$("#charts")).scrollIntoViewIfNeeded();
  await frame.waitForSelector("figure canvas", { timeout: 10000 }).catch(() => found.wrong.push("no chart"));
  found.charts = await frame.$$eval("figure canvas", (all) => all.length);
  await shot("first");
  await look(page, frame, found);
  // A mistake is shown at its line; the keyboard alone is enough for it, and for the next run.
  await page.click(".cm-content");
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("local P = {}\nfunction P:schedule(replica, step) print('seen')\n  step:admit(nil + 1)\nend\nreturn P\n");
  await page.keyboard.press("Control+Enter");
  await status("^It did not go well");
  found.mistake = await page.textContent("#mistake");
  found.printed = await page.textContent("#words");
  found.marks = await page.$$eval(".cm-lintRange-error", (all) => all.map((mark) => mark.textContent));
  found.failed_page = await (await (await page.$("#charts")).contentFrame()).textContent("h1");
  await shot("mistake");
  // The editor knows the members of what stands before the dot.
  await page.keyboard.press("Control+a");
  await page.keyboard.type("replica:");
  await page.keyboard.press("Control+Space");
  await page.waitForFunction(() => [...document.querySelectorAll(".cm-completionLabel")].some((item) => item.textContent === "each_running"));
  found.offered = await page.$$eval(".cm-completionLabel", (all) => all.map((item) => item.textContent));
  await page.keyboard.press("Escape");
  // A sweep, of a policy that is none of the page's own.
  await page.click(".cm-content");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.fill("#seeds", "1");
  await page.fill(".knob .value", "3,4");
  await page.selectOption(".knob .how", "over");
  await page.click("#run");
  await status("^Done");
  found.sweep = [await page.textContent("#command"), await page.textContent("#table")];
  await page.selectOption(".knob .how", "");
  // A run is stopped by the button, long before an endless hook ends by its budget; a link holds the whole state.
  await page.fill(".knob .key", "limits.hook_seconds");
  await page.fill(".knob .value", "1000");
  await page.click(".cm-content");
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("local P = {}\nfunction P:schedule()\n  while true do end\nend\nreturn P\n");
  await page.keyboard.press("Control+Enter");
  await status("^Run"); // "Running ...", or how many runs are done
  await page.click("#stop");
  await status("^Stopped");
  await page.selectOption("#scenario", "continuous_burst");
  await page.waitForFunction(() => document.querySelectorAll("#policies input").length > 1);
  await page.fill("#seeds", "1");
  await page.waitForFunction(() => { // the state is written into the link a while later
    const state = JSON.parse(atob(location.hash.slice(1).replaceAll("-", "+").replaceAll("_", "/")));
    return state.scenario === "continuous_burst" && state.seeds === "1";
  });
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
