// SPDX-License-Identifier: MIT
// Puts the page's data (the script element "data") into charts that uPlot draws; here is only what holds them together.
// Texts of users go into the page as text nodes alone.
"use strict";
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const DASHES = [[], [9, 4], [2, 3], [12, 4, 2, 4]];
  const words = new Map(); // of the style sheet, in this theme
  const css = (name) => {
    if (!words.has(name)) words.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    return words.get(name);
  };
  const color = (i) => css("--c" + (i % 7));
  const dash = (i) => DASHES[i % 4];
  const tint = (hex, alpha) => hex + Math.round(alpha * 255).toString(16).padStart(2, "0");
  const hex6 = (c) => (c.length === 4 ? "#" + [...c.slice(1)].map((d) => d + d).join("") : c);
  const soft = (i, alpha) => tint(hex6(color(i)), alpha);
  // Solid colours for parts: the eighth and later are the first ones, halfway to the page's.
  const channels = (c) => [1, 3, 5].map((at) => parseInt(hex6(c).slice(at, at + 2), 16));
  const part = (i) => (i < 7 ? color(i) : "rgb(" + channels(color(i)).map((v, k) => Math.round((v + channels(css("--bg"))[k]) / 2)).join(",") + ")");
  const show = (v) => (v == null ? "-" : typeof v === "number" ? String(+v.toPrecision(4)) : v);
  const withUnit = (name, unit) => (unit ? name + ", " + unit : name);
  let charts = []; // all that are drawn, to draw them again
  let count = 0;
  let grain = 1; // finer on paper
  const ratio = () => devicePixelRatio * grain;

  // element("p", { class: "x" }, "text", child, ...)
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {}))
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    made.append(...children.filter((c) => c != null));
    return made;
  }

  function select(label, choices, chosen, change) {
    const made = element("select", { onchange: () => change(made.value) });
    choices.forEach(([value, text]) => made.append(element("option", { value, selected: value === chosen }, text)));
    return element("label", {}, label + " ", made);
  }

  function checkbox(label, checked, change) {
    const made = element("input", { type: "checkbox", onchange: () => change(made.checked) });
    made.checked = checked;
    return element("label", {}, made, " " + label);
  }

  // --- the data of a chart, as a table and as a file -----------------------------------------------------------

  const csvField = (v) => {
    const text = v == null ? "" : String(v);
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };

  function download(name, table) {
    const lines = [table.heads, ...table.rows].map((row) => row.map(csvField).join(",")).join("\n") + "\n";
    const link = element("a", { href: URL.createObjectURL(new Blob([lines], { type: "text/csv" })), download: name + ".csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function tableOf(title, table) {
    const body = element("tbody");
    table.rows.forEach((row) => body.append(element("tr", {}, ...row.map((v, i) =>
      i < (table.names || 1) ? element("th", { scope: "row", class: "name" }, show(v)) : element("td", {}, show(v))))));
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The numbers of the chart: " + title },
      element("table", {}, element("caption", {}, title),
        element("thead", {}, element("tr", {}, ...table.heads.map((h, i) =>
          element("th", { scope: "col", class: i < (table.names || 1) ? "name" : false }, h)))), body));
  }

  // --- a chart -----------------------------------------------------------------------------------------------

  const heightOf = (spec) => (typeof spec.height === "function" ? spec.height() : spec.height);

  // spec: { title, note, summary, table(), draw(width) -> [options, data], height, controls, key, plain, xText(x), readOut(u) }
  // key: which colour is what, where that is not (plain) the policies' legend; readOut: instead of what lies at x.
  function addChart(parent, spec) {
    const box = element("div", { class: "plot", role: "img", "aria-label": spec.title + ". " + (spec.summary || "The table below has its numbers."), style: "min-height:" + heightOf(spec) + "px" });
    const range = element("p", { class: "range", "aria-hidden": "true" });
    const details = element("details", { ontoggle: () => {
      if (details.open) details.replaceChildren(details.firstChild, tableOf(spec.title, spec.table()));
    } }, element("summary", {}, "The numbers as a table"));
    const file = "mbsand-" + ++count + "-" + spec.title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
    const figure = element("figure", {}, element("figcaption", {}, element("h3", {}, spec.title), element("p", {}, spec.note || "")),
      spec.controls ? element("div", { class: "controls" }, ...spec.controls.filter((c) => c)) : null, spec.key || null, box, element("div", { class: "below" },
      element("button", { type: "button", "aria-label": "Download CSV: " + spec.title, onclick: () => download(file, spec.table()) }, "Download CSV"), range), details);
    parent.append(figure);
    const chart = { spec, box, range, details, figure, plot: null, stale: true, near: false, width: 0 };
    charts.push(chart);
    byBox.set(box, chart);
    watcher.observe(box);
    return chart;
  }

  // Charts are drawn when they come near what is seen, all others as they are printed: to draw takes a page's time.
  const byBox = new WeakMap();
  const watcher = new IntersectionObserver((seen) => {
    for (const one of seen) {
      const chart = byBox.get(one.target);
      chart.near = one.isIntersecting;
      chart.width = one.boundingClientRect.width;
      if (chart.near && chart.stale) draw(chart);
    }
    document.documentElement.dataset.ready = "";
  }, { rootMargin: "600px 0px" });

  // What a chart shows has changed.
  function redraw(chart) {
    chart.stale = true;
    if (chart.near) draw(chart);
    if (chart.details.open) chart.details.dispatchEvent(new Event("toggle"));
  }

  function draw(chart, paper) {
    if (chart.plot) chart.plot.destroy();
    chart.plot = null;
    chart.stale = false;
    const width = paper || Math.max(280, Math.floor(chart.width || chart.box.clientWidth || 900));
    const made = chart.spec.draw(width);
    chart.box.replaceChildren();
    chart.range.textContent = "";
    if (!made) {
      chart.box.append(element("p", {}, "Nothing to draw with this choice."));
      return;
    }
    const [options, data] = made;
    const ink = css("--fg"), line = css("--line"), font = 12 * grain + "px system-ui, sans-serif";
    options.width = width * grain;
    options.height = heightOf(chart.spec) * grain;
    options.legend = { show: false };
    options.axes = options.axes.map((axis, k) => Object.assign({ stroke: ink, font, labelFont: font, gap: 5 * grain, space: (k ? 30 : 50) * grain, grid: { stroke: line, width: grain } }, axis,
      { labelSize: 20 * grain, size: (axis.size || (k ? 60 : 34)) * grain, ticks: { stroke: line, width: grain, size: 10 * grain } }));
    for (const one of options.series) {
      one.width = (one.width || 0) * grain;
      if (one.dash) one.dash = one.dash.map((v) => v * grain);
      if (one.points && one.points.size) one.points = Object.assign({}, one.points, { size: one.points.size * grain });
    }
    options.hooks = Object.assign({ setCursor: [(u) => readOut(chart, u)] }, options.hooks);
    chart.box.style.minHeight = heightOf(chart.spec) + "px";
    chart.plot = new uPlot(options, data, chart.box);
  }

  // What lies under the pointer.
  function readOut(chart, u) {
    const at = u.cursor.idx;
    if (at == null) return;
    if (chart.spec.readOut) {
      chart.range.textContent = chart.spec.readOut(u);
      return;
    }
    const said = [];
    u.series.forEach((s, i) => {
      if (i > 0 && !s.silent && u.data[i][at] != null) said.push(s.label + " " + show(s.read ? s.read(at) : u.data[i][at]));
    });
    const x = chart.spec.xText ? chart.spec.xText(u.data[0][at]) : show(u.data[0][at]);
    chart.range.textContent = said.length ? x + ": " + said.join("; ") : x;
  }

  const drawAll = () => charts.forEach(redraw);

  // Log axes: decades alone have a word.
  const logValues = (u, splits) => splits.map((v) => (v > 0 && Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9 ? show(v) : null));

  // The values of a swept key, and the axis that shows them: numbers where all are, in their order; far apart by their logarithms.
  function keyValues(texts) {
    const numeric = texts.every((v) => v !== "" && isFinite(+v));
    if (!numeric) return { numeric, list: texts, scale: { time: false }, axis: { splits: () => texts.map((_, k) => k), values: () => texts } };
    const list = [...texts].sort((a, b) => a - b), ticks = list.map(Number), wide = ticks[0] > 0 && ticks.at(-1) / ticks[0] > 30;
    return { numeric, list, scale: wide ? { time: false, distr: 3 } : { time: false, range: (u, low, high) => (low === high ? [low - 1, high + 1] : [low - (high - low) * 0.03, high + (high - low) * 0.03]) },
      axis: ticks.length <= 12 ? { splits: () => ticks, values: () => ticks.map(show) } : {} };
  }

  // Which colour is what.
  function name(key, colors) {
    key.replaceChildren(...colors.map(([background, text]) => {
      const patch = element("span", { class: "patch", "aria-hidden": "true" });
      patch.style.background = background;
      return element("span", {}, patch, text);
    }));
  }

  // --- the charts of a section ---------------------------------------------------------------------------------

  class Section {
    constructor(data, parent) {
      Object.assign(this, { data, parent, point: 0, hidden: new Set(), ranges: false, zoom: null });
      this.labels = [...new Set(data.points.flatMap((p) => p.policies.map((q) => q.label)))];
      this.ranges = this.labels.length <= 3;
      this.build();
    }

    // Policies at the chosen point that are shown.
    get policies() {
      return this.data.points[this.point].policies.filter((p) => !this.hidden.has(p.label));
    }
    index(label) { return this.labels.indexOf(label); }
    redraw() { charts.filter((c) => c.owner === this).forEach(redraw); }
    add(spec) {
      const chart = addChart(this.parent, spec);
      chart.owner = this;
      return chart;
    }

    build() {
      const data = this.data, many = data.points.length > 1;
      if (!data.points.some((p) => p.policies.length)) return;
      this.legendBox = this.legend();
      this.parent.append(this.legendBox);
      if (data.tuned) maps(this); // the first question is how it went
      if (many && !(data.tuned && data.keys[0] === "point")) this.sweep();
      if (many && !data.tuned) maps(this);
      if (this.labels.length > 1 || many) this.pareto();
      const recorded = data.points.filter((p) => p.policies.some((q) => q.times)).length;
      const parts = data.points.some((p) => p.policies.some((q) => q.parts));
      if (many && (recorded || parts))
        this.parent.append(element("div", { class: "controls" }, select("Point of the sweep, for the charts below", data.points.map((p, i) => [String(i), p.label || "-"]), "0",
          (v) => { this.point = +v; this.redraw(); }), recorded && recorded < data.points.length ? "Latencies and time are kept of the first " + recorded + " points." : null));
      if (recorded) this.cdf();
      if (parts) this.where();
      if (data.points.some((p) => p.policies.some((q) => q.series))) this.time();
      if (data.points.some((p) => p.policies.some((q) => q.bins))) this.bins();
    }

    legend() {
      const svg = (i) => {
        const ns = "http://www.w3.org/2000/svg", made = document.createElementNS(ns, "svg"), line = document.createElementNS(ns, "line");
        for (const [k, v] of Object.entries({ width: 30, height: 10, "aria-hidden": "true" })) made.setAttribute(k, v);
        for (const [k, v] of Object.entries({ x1: 0, x2: 30, y1: 5, y2: 5, "stroke-width": 3, "stroke-dasharray": dash(i).join(" ") })) line.setAttribute(k, v);
        line.style.stroke = "var(--c" + (i % 7) + ")";
        made.append(line);
        return made;
      };
      const box = element("div", { class: "controls legend", role: "group", "aria-label": "Policies in the charts" });
      this.labels.forEach((label, i) => {
        const one = checkbox(label, true, (on) => {
          on ? this.hidden.delete(label) : this.hidden.add(label);
          one.classList.toggle("off", !on);
          this.redraw();
        });
        one.insertBefore(svg(i), one.childNodes[1]);
        box.append(one);
      });
      return box;
    }

    // Lines with bands: lines = [{ label, i, x, y, low, high }].
    lines(lines, more) {
      const tables = lines.map((l) => [l.x, l.y, ...(l.low ? [l.low, l.high] : [])]);
      if (!tables.length) return null;
      const data = uPlot.join(tables), series = [{}], bands = [];
      for (const l of lines) {
        const at = series.length, stroke = color(l.i);
        series.push(Object.assign({ label: l.label, stroke, width: 2, dash: dash(l.i), spanGaps: !more.gaps, points: { show: !!more.points, size: 7, fill: stroke } }, more.series, l.series));
        if (!l.low) continue;
        const edge = Object.assign({ stroke: "transparent", silent: true, width: 0, spanGaps: !more.gaps, points: { show: false } }, more.series);
        series.push(edge, Object.assign({}, edge));
        bands.push({ series: [at + 2, at + 1], fill: soft(l.i, 0.18) });
      }
      return [Object.assign({ series, bands }, more.options), data];
    }

    cdf() {
      const state = { time: "e2e", log: true };
      const of = (p) => p.times && p.times[state.time] && p.times[state.time][0].some((v) => v != null) ? p.times[state.time] : null;
      const names = Object.fromEntries(this.data.times);
      const q = this.data.quantiles;
      this.add({
        title: "How long requests take", height: 340,
        note: "The share of requests (of gaps: of tokens) that take at most so long" + (this.data.seeds > 1 ? "; each quantile over " + this.data.seeds + " seeds" : "") + ".",
        controls: [select("Time", this.data.times, state.time, (v) => { state.time = v; this.redraw(); }), checkbox("logarithmic", true, (on) => { state.log = on; this.redraw(); })],
        xText: (x) => names[state.time] + " " + show(x) + " s",
        table: () => ({ names: 1, heads: ["policy", "share", names[state.time] + ", s", "lowest seed", "highest seed"],
          rows: this.policies.filter(of).flatMap((p) => q.map((at, k) => [p.label, at, of(p)[0][k], of(p)[1][k], of(p)[2][k]])) }),
        draw: () => {
          const lines = this.policies.filter(of).map((p) => {
            const x = [], y = [];
            of(p)[0].forEach((v, k) => {
              if (v == null || (state.log && v <= 0)) return;
              if (x.length && v <= x.at(-1)) { y[y.length - 1] = q[k] * 100; return; }
              x.push(v); y.push(q[k] * 100);
            });
            return { label: p.label, i: this.index(p.label), x, y };
          }).filter((l) => l.x.length);
          return this.lines(lines, { options: {
            scales: { x: { time: false, distr: state.log ? 3 : 1 }, y: { range: [0, 100] } },
            axes: [Object.assign({ label: names[state.time] + ", s" }, state.log ? { values: logValues } : {}), { label: "% of requests", size: 60 }],
            cursor: { drag: { x: true, y: false } } } });
        } });
    }

    where() {
      const parts = this.data.parts;
      const rows = () => this.policies.filter((p) => p.parts);
      const used = () => parts.map((_, k) => k).filter((k) => rows().some((p) => p.parts[k] > 0));
      const key = element("p", { class: "key" });
      this.add({
        title: "Where the time of requests went", height: 360, note: "Mean time of a request, s, in its parts, from the bottom up as they are named here.", key, plain: true,
        xText: (x) => (rows()[x] ? rows()[x].label : ""),
        table: () => ({ heads: ["policy", ...used().map((k) => parts[k] + ", s"), "end to end, s"],
          rows: rows().map((p) => [p.label, ...used().map((k) => p.parts[k]), +p.parts.reduce((a, b) => a + b, 0).toPrecision(5)]) }),
        draw: (width) => {
          const list = rows(), kinds = used();
          if (!list.length || !kinds.length) return null;
          name(key, kinds.map((k) => [part(k), parts[k]]));
          const sums = kinds.map((_, j) => list.map((p) => kinds.slice(0, j + 1).reduce((a, k) => a + p.parts[k], 0)));
          const series = [{}], data = [list.map((_, i) => i)];
          for (let j = kinds.length - 1; j >= 0; j--) { // the tallest first, so that the others stand before it
            series.push({ label: parts[kinds[j]], fill: part(kinds[j]), stroke: part(kinds[j]), width: 0,
              paths: uPlot.paths.bars({ size: [0.66, 90 * grain] }), points: { show: false }, read: (at) => list[at].parts[kinds[j]] });
            data.push(sums[j]);
          }
          const tilt = list.length * 110 > width;
          return [{ series, scales: { x: { time: false, range: [-0.6, list.length - 0.4] }, y: { range: (u, low, high) => [0, high * 1.05 || 1] } },
            axes: [{ splits: () => data[0], values: () => list.map((p) => (p.label.length > 22 ? p.label.slice(0, 21) + "…" : p.label)), rotate: tilt ? -50 : 0, size: tilt ? 130 : 40, grid: { show: false } },
              { label: "s", size: 70 }], cursor: { drag: { x: false, y: false } } }, data];
        } });
    }

    time() {
      const mine = [];
      let busy = false;
      const inputs = ["From", "to"].map((word, k) => {
        const input = element("input", { type: "number", step: "any", min: "0", onchange: () => {
          const from = parseFloat(inputs[0].input.value), to = parseFloat(inputs[1].input.value);
          if (to > from) zoom(from, to);
        } });
        return { input, label: element("label", {}, word + " ", input, k ? " s" : null) };
      });
      const fill = () => {
        const [from, to] = this.zoom || [0, end()];
        inputs[0].input.value = show(from);
        inputs[1].input.value = show(to);
      };
      const end = () => Math.max(...this.policies.map((p) => (p.series ? p.series.width * longest(p.series) : 0)), 0);
      const longest = (s) => Math.max(...Object.values(s).map((v) => (Array.isArray(v) ? v[0].length : 0)));
      const zoom = (from, to) => {
        if (busy) return;
        busy = true;
        this.zoom = from == null ? null : [from, to];
        mine.forEach((c) => c.plot && c.plot.setScale("x", from == null ? { min: 0, max: end() } : { min: from, max: to }));
        fill();
        busy = false;
      };
      this.parent.append(element("h3", {}, "Over time" + (this.data.seeds > 1 ? ", with the first seed" : "")),
        element("p", { class: "small" }, element("span", { class: "screen" }, "Drag over a chart to look closer in all of them; double-click shows everything. "), "A line is the mean of each interval, a shaded range its least and most."),
        element("div", { class: "controls" }, inputs[0].label, inputs[1].label,
          element("button", { type: "button", onclick: () => zoom(null) }, "Show all"),
          checkbox("shaded ranges", this.ranges, (on) => { this.ranges = on; this.redraw(); })));
      this.brush = {
        add: (spec) => mine.push(this.add(spec)),
        x: { time: false, range: (u, low, high) => (busy || u.zoomed ? [low, high] : this.zoom || [0, end()]) },
        cursor: { sync: { key: "time-" + count }, drag: { x: true, y: false, setScale: false } },
        hooks: {
          setSelect: [(u) => {
            if (u.select.width < 2) return;
            const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            zoom(Math.max(0, from), to);
          }],
          ready: [(u) => u.over.addEventListener("dblclick", () => zoom(null))],
        },
      };
      for (const [name, title, unit] of this.data.series) {
        const of = (p) => (p.series ? p.series[name] : null);
        if (!this.data.points.some((p) => p.policies.some(of))) continue;
        const xs = (p) => of(p)[0].map((_, k) => k * p.series.width);
        this.brush.add({
          title: withUnit(title, unit), height: 220,
          note: name === "memory" ? "Mean over the replicas; the range is from the emptiest to the fullest." : name === "batch" ? "In a step or a whole batch, while it lasts." :
            name === "tbt" ? "Of steps and batches that generate tokens; a run of equal steps counts with its mean step." : "",
          xText: (x) => show(x) + " s",
          table: () => ({ names: 1, heads: ["policy", "from, s", "to, s", "mean", "least", "most"],
            rows: this.policies.filter(of).flatMap((p) => of(p)[0].map((v, k) => [p.label, +(k * p.series.width).toPrecision(8), +((k + 1) * p.series.width).toPrecision(8), v, of(p)[1][k], of(p)[2][k]]).filter((r) => r[3] != null)) }),
          draw: () => {
            const list = this.policies.filter(of);
            return this.lines(list.map((p) => Object.assign({ label: p.label, i: this.index(p.label), x: xs(p), y: of(p)[0] }, this.ranges ? { low: of(p)[1], high: of(p)[2] } : {})),
              { gaps: false, series: { paths: uPlot.paths.stepped({ align: 1 }) }, options: {
                scales: { x: this.brush.x, y: { range: (u, low, high) => [0, high > 0 ? high * 1.05 : 1] } },
                axes: [{ label: "simulated time, s" }, { size: 70 }], cursor: this.brush.cursor, hooks: this.brush.hooks } });
          } });
      }
      fill();
    }

    bins() {
      const state = { label: null };
      const with_bins = () => this.data.points[this.point].policies.filter((p) => p.bins);
      const first = this.data.points.flatMap((p) => p.policies).filter((p) => p.bins);
      state.label = first[0].label;
      const one = () => with_bins().find((p) => p.label === state.label);
      const names = [...new Set(first.map((p) => p.label))].map((l) => [l, l]);
      const key = element("p", { class: "key" });
      this.brush.add({
        title: "From which bins requests were taken", height: 280, note: "Requests that replicas took in each interval; the bin of the shortest at the bottom.", key, plain: true,
        controls: [select("Policy", names, state.label, (v) => { state.label = v; this.redraw(); })],
        xText: (x) => show(x) + " s",
        table: () => ({ names: 1, heads: ["from, s", ...(one() ? one().bins.map((_, k) => "bin " + (k + 1)) : [])],
          rows: one() ? one().bins[0].map((_, t) => [+(t * one().series.width).toPrecision(8), ...one().bins.map((b) => b[t])]) : [] }),
        draw: () => {
          const p = one();
          if (!p) return null;
          name(key, p.bins.map((_, k) => [part(k), "bin " + (k + 1)]));
          const n = p.bins.length, series = [{}], data = [p.bins[0].map((_, k) => k * p.series.width)];
          const sums = p.bins.map((_, j) => p.bins[0].map((__, t) => p.bins.slice(0, j + 1).reduce((a, b) => a + b[t], 0)));
          for (let j = n - 1; j >= 0; j--) {
            series.push({ label: "bin " + (j + 1), stroke: part(j), width: 1, fill: part(j), paths: uPlot.paths.stepped({ align: 1 }), points: { show: false }, read: (at) => p.bins[j][at] });
            data.push(sums[j]);
          }
          return [{ series, scales: { x: this.brush.x, y: { range: (u, low, high) => [0, high * 1.05 || 1] } }, axes: [{ label: "simulated time, s" }, { label: "requests taken", size: 70 }],
            cursor: this.brush.cursor, hooks: this.brush.hooks }, data];
        } });
    }

    sweep() {
      const { keys, measures, points } = this.data;
      if (!keys.length || !measures.length) return;
      const values = keys.map((_, k) => [...new Set(points.map((p) => p.keys[k]))]);
      const swept = keys.map((_, k) => k).filter((k) => values[k].length > 1);
      const state = { key: swept.length ? swept[0] : 0, measure: 0, fixed: keys.map((_, k) => values[k][0]), log: false, bands: this.labels.length <= 4 };
      const numeric = () => keyValues(values[state.key]).numeric;
      const chosen = () => points.filter((p) => keys.every((_, k) => k === state.key || p.keys[k] === state.fixed[k]));
      const rows = () => this.labels.filter((l) => !this.hidden.has(l)).map((label) => {
        const line = { label, i: this.index(label), x: [], y: [], low: [], high: [], keys: [] };
        const found = chosen().map((p) => [numeric() ? +p.keys[state.key] : values[state.key].indexOf(p.keys[state.key]), p.policies.find((q) => q.label === label), p.keys[state.key]])
          .filter((r) => r[1] && r[1].levels[state.measure][0] != null).sort((a, b) => a[0] - b[0]);
        for (const [x, policy, key] of found) {
          const [level, low, high] = policy.levels[state.measure];
          if (x === line.x.at(-1)) continue;
          line.x.push(x); line.y.push(level); line.low.push(low ?? level); line.high.push(high ?? level); line.keys.push(key);
        }
        return line;
      }).filter((l) => l.x.length);
      const m = () => measures[state.measure];
      const controls = [select("Measure", measures.map((one, k) => [String(k), withUnit(one.label, one.unit)]), "0", (v) => { state.measure = +v; this.redraw(); })];
      const others = swept.map((k) => select(keys[k], values[k].map((v) => [v, v]), values[k][0], (v) => { state.fixed[k] = v; this.redraw(); }));
      const hide = () => others.forEach((label, n) => { label.hidden = swept[n] === state.key; });
      if (swept.length > 1) controls.push(select("along", swept.map((k) => [String(k), keys[k]]), String(state.key), (v) => { state.key = +v; hide(); this.redraw(); }), ...others);
      hide();
      controls.push(checkbox("intervals", state.bands, (on) => { state.bands = on; this.redraw(); }));
      controls.push(checkbox("logarithmic", false, (on) => { state.log = on; this.redraw(); }));
      this.add({
        title: "Along the sweep", height: 340, note: "Level over the seeds, with its 95 % interval where there is one; what is longer than twice the highest level goes out of the chart.", controls,
        xText: (x) => keys[state.key] + " " + (numeric() ? show(x) : values[state.key][x]),
        table: () => ({ names: 2, heads: ["policy", keys[state.key], withUnit(m().label, m().unit), "low", "high"], rows: rows().flatMap((l) => l.x.map((_, k) => [l.label, l.keys[k], l.y[k], l.low[k], l.high[k]])) }),
        draw: () => {
          let list = rows();
          if (state.log) list = list.map((l) => Object.assign({}, l, ...["y", "low", "high"].map((f) => ({ [f]: l[f].map((v) => (v > 0 ? v : null)) }))));
          if (!state.bands) list = list.map((l) => Object.assign({}, l, { low: null, high: null }));
          const x = keyValues(values[state.key]), top = Math.max(...list.flatMap((l) => l.y));
          return this.lines(list, { points: true, options: {
            scales: { x: x.scale,
              y: Object.assign({ distr: state.log ? 3 : 1 }, state.log ? {} : { range: (u, low, high) => [Math.min(0, low), high > 0 ? Math.min(high * 1.05, top > 0 ? 2 * top : Infinity) : 1] }) },
            axes: [Object.assign({ label: keys[state.key] }, x.axis),
              Object.assign({ label: withUnit(m().label, m().unit), size: 75 }, state.log ? { values: logValues } : {})],
            cursor: { drag: { x: true, y: false } } } });
        } });
    }

    pareto() {
      const { measures, points } = this.data;
      const directed = measures.map((m, k) => k).filter((k) => measures[k].better);
      const x0 = directed.find((k) => measures[k].better > 0), y0 = directed.find((k) => /e2e_p99|e2e_mean|ttft_p99/.test(measures[k].name)) ?? directed.find((k) => measures[k].better < 0);
      if (x0 == null || y0 == null) return;
      const state = { x: x0, y: y0, log: false };
      const all = () => points.flatMap((p) => p.policies.filter((q) => !this.hidden.has(q.label)).map((q) => ({ label: q.label, point: p.label, x: q.levels[state.x][0], y: q.levels[state.y][0] }))).filter((d) => d.x != null && d.y != null);
      const beats = (a, b) => {
        const sx = measures[state.x].better, sy = measures[state.y].better;
        return sx * a.x >= sx * b.x && sy * a.y >= sy * b.y && (a.x !== b.x || a.y !== b.y);
      };
      const front = (list) => list.filter((b) => !list.some((a) => beats(a, b)));
      const choices = directed.map((k) => [String(k), withUnit(measures[k].label, measures[k].unit)]);
      this.add({
        title: "What is traded for what", height: 360, note: "Each mark is a policy" + (points.length > 1 ? " at a point" : "") + ", by its level over the seeds; the line joins those that no other beats in both.",
        controls: [select("Across", choices, String(state.x), (v) => { state.x = +v; this.redraw(); }), select("up", choices, String(state.y), (v) => { state.y = +v; this.redraw(); }),
          checkbox("logarithmic", false, (on) => { state.log = on; this.redraw(); })],
        xText: (x) => withUnit(measures[state.x].label, measures[state.x].unit) + " " + show(x),
        table: () => ({ names: 2, heads: ["policy", "point", withUnit(measures[state.x].label, measures[state.x].unit), withUnit(measures[state.y].label, measures[state.y].unit), "on the front"],
          rows: all().map((d, _, list) => [d.label, d.point, d.x, d.y, front(list).includes(d) ? "yes" : "no"]) }),
        draw: () => {
          const list = all().filter((d) => !state.log || (d.x > 0 && d.y > 0));
          if (!list.length) return null;
          const best = front(list).sort((a, b) => a.x - b.x || a.y - b.y), tables = [], series = [{}];
          const columns = (ds) => {
            const made = [[], []];
            for (const d of ds.sort((a, b) => a.x - b.x)) { if (d.x === made[0].at(-1)) made[0].push(d.x * (1 + 1e-9) + 1e-300); else made[0].push(d.x); made[1].push(d.y); }
            return made;
          };
          tables.push(columns([...best]));
          series.push({ stroke: css("--dim"), silent: true, width: 1.5, dash: [4, 3], spanGaps: true, points: { show: false } });
          for (const label of new Set(list.map((d) => d.label))) {
            const i = this.index(label);
            tables.push(columns(list.filter((d) => d.label === label)));
            series.push({ label, stroke: color(i), width: 0, paths: () => null, points: { show: true, size: 10, width: 2, stroke: color(i), fill: i % 4 % 2 ? css("--bg") : color(i) } });
          }
          const pad = (u, low, high) => {
            if (state.log) return [low / 1.4, high * 1.4];
            const d = (high - low) * 0.12 || Math.abs(high) * 0.2 || 1; return [low >= 0 ? Math.max(0, low - d) : low - d, high + d]; };
          const names = (u) => { // each mark has its name, where there are not too many
            if (list.length > 24) return;
            u.ctx.save();
            u.ctx.fillStyle = css("--fg");
            u.ctx.font = 11 * ratio() + "px system-ui, sans-serif";
            const taken = [];
            for (const d of list) {
              const px = u.valToPos(d.x, "x", true), right = px < u.bbox.left + u.bbox.width * 0.75;
              const text = points.length > 1 ? d.point : d.label, w = u.ctx.measureText(text).width, h = 13 * ratio();
              const left = right ? px + 9 * ratio() : px - 9 * ratio() - w;
              let top = u.valToPos(d.y, "y", true) - 5 * ratio();
              while (taken.some((t) => left < t[0] + t[2] && t[0] < left + w && Math.abs(t[1] - top) < h)) top -= h / 2;
              taken.push([left, top, w]);
              u.ctx.textAlign = "left";
              u.ctx.fillText(text, left, top);
            }
            u.ctx.restore();
          };
          return [{ series, scales: { x: { time: false, distr: state.log ? 3 : 1, range: pad }, y: { distr: state.log ? 3 : 1, range: pad } },
            axes: [{ label: withUnit(measures[state.x].label, measures[state.x].unit) }, { label: withUnit(measures[state.y].label, measures[state.y].unit), size: 75 }],
            cursor: { drag: { x: true, y: true } }, hooks: { draw: [names] } }, uPlot.join(tables)];
        } });
    }
  }

  // --- the page ------------------------------------------------------------------------------------------------

  const maps = sweepMaps({ element, select, checkbox, show, withUnit, css, color, ratio, keyValues });
  const wide = matchMedia("(prefers-color-scheme: dark)");
  let theme = wide.matches ? "dark" : "light";
  const button = document.getElementById("theme");
  function setTheme(name) {
    theme = name;
    document.documentElement.dataset.theme = name;
    words.clear();
    button.textContent = name === "dark" ? "Light" : "Dark";
    drawAll();
  }
  button.hidden = false;
  button.addEventListener("click", () => setTheme(theme === "dark" ? "light" : "dark"));
  wide.addEventListener("change", (e) => setTheme(e.matches ? "dark" : "light"));
  document.documentElement.dataset.theme = theme; // before colours are asked for
  for (const box of document.querySelectorAll(".charts")) new Section(DATA[+box.dataset.section], box);
  setTheme(theme);
  if (!charts.length) document.documentElement.dataset.ready = "";
  let waits = 0;
  addEventListener("resize", () => {
    clearTimeout(waits);
    waits = setTimeout(() => {
      charts.forEach((c) => { c.width = c.box.clientWidth; });
      drawAll();
    }, 120);
  });

  // On paper there are no controls: what they say, in words, beside every chart who is who, and every chart as wide as the sheet.
  const PAPER = 800;
  const said = (control) => {
    const label = control.closest("label");
    if (control.type === "checkbox") return control.checked ? label.textContent.trim() : null;
    const value = control.options ? control.options[control.selectedIndex]?.text ?? "" : control.value;
    return [...label.childNodes].map((c) => (c === control ? value : c.textContent.trim())).filter((t) => t).join(" ");
  };
  let before = theme;
  addEventListener("beforeprint", () => {
    before = theme;
    grain = 2;
    setTheme("light");
    document.querySelectorAll(".controls:not(.legend)").forEach((box) => {
      box.dataset.said = [...box.querySelectorAll("select, input")].filter((c) => !c.closest("label[hidden]")).map(said).filter((t) => t).join("; ");
    });
    for (const chart of charts) {
      draw(chart, PAPER);
      chart.stale = true;
      if (!chart.spec.plain) chart.box.before(chart.owner.legendBox.cloneNode(true));
    }
  });
  addEventListener("afterprint", () => {
    grain = 1;
    document.querySelectorAll("figure .legend").forEach((box) => box.remove());
    setTheme(before);
  });
})();
