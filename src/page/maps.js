// SPDX-License-Identifier: MIT
// Charts of a sweep beside its curves: a map of two keys, how much load each policy bears, and how a tuning went.
"use strict";
const sweepMaps = ({ element, select, checkbox, show, withUnit, css, color, ratio, keyValues }) => {
  // Cividis, which is the same to all eyes but those that see no light: from little to much.
  const SHADES = ["#00204c", "#00336f", "#39486b", "#575d6d", "#707173", "#8a8779", "#a69d75", "#c4b56c", "#e4cf5b", "#ffea46"];
  const channels = (c) => [1, 3, 5].map((at) => parseInt(c.slice(at, at + 2), 16));
  function shade(part) {
    const at = Math.min(Math.max(part, 0), 1) * (SHADES.length - 1), k = Math.min(Math.floor(at), SHADES.length - 2);
    const a = channels(SHADES[k]), b = channels(SHADES[k + 1]);
    return "rgb(" + a.map((v, i) => Math.round(v + (b[i] - v) * (at - k))).join(",") + ")";
  }
  const inkOn = (part) => (part > 0.465 ? "#000" : "#fff");
  const ranged = (list) => [Math.min(...list), Math.max(...list)];

  // What is chosen where a sweep has more keys than a chart shows: { key: value }, and a control for each.
  function fixer(section, values, swept, used) {
    const fixed = section.data.keys.map((_, k) => values[k][0]);
    const others = swept.map((k) => select(section.data.keys[k], values[k].map((v) => [v, v]), values[k][0], (v) => { fixed[k] = v; section.redraw(); }));
    const hide = () => others.forEach((label, n) => { label.hidden = used().includes(swept[n]); });
    hide();
    return { controls: others, hide, keeps: (point) => swept.every((k) => used().includes(k) || point.keys[k] === fixed[k]) };
  }

  // --- a map ---------------------------------------------------------------------------------------------------

  function heat(section, { keys, measures, points }, values, swept) {
    const state = { x: swept[0], y: swept[1], measure: 0, policy: section.labels[0], log: false };
    const fix = fixer(section, values, swept, () => [state.x, state.y]);
    const m = () => measures[state.measure];
    const levels = (label, point) => point.policies.find((q) => q.label === label)?.levels[state.measure];
    const at = (label, x, y) => {
      const point = points.find((p) => p.keys[state.x] === x && p.keys[state.y] === y && fix.keeps(p));
      return point && levels(label, point);
    };
    const usable = (v) => v != null && (!state.log || v > 0);
    // The colours of all policies are on one scale, so that two maps can be held beside each other.
    const scale = () => {
      const all = points.filter(fix.keeps).flatMap((p) => section.labels.map((l) => levels(l, p)?.[0])).filter(usable);
      return all.length ? ranged(all) : null;
    };
    const part = (v, [low, high]) => (high === low ? 0.5 : state.log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));
    const key = element("p", { class: "key" });
    const explain = ([low, high]) => {
      const bar = element("span", { class: "shades", "aria-hidden": "true" });
      bar.style.background = "linear-gradient(to right," + Array.from({ length: 21 }, (_, k) => shade(k / 20)).join(",") + ")";
      key.replaceChildren(state.policy + ": " + withUnit(m().label, m().unit) + ", from " + show(low) + " ", bar, " to " + show(high) +
        (section.labels.length > 1 ? " (of all policies)" : "") + (state.log ? ", logarithmic" : ""));
    };
    const turn = (which) => (v) => {
      if (+v === state[which === "x" ? "y" : "x"]) [state.x, state.y] = [state.y, state.x];
      else state[which] = +v;
      keySelects.forEach(([name, label]) => { label.querySelector("select").value = String(state[name]); });
      fix.hide();
      section.redraw();
    };
    const names = swept.map((k) => [String(k), keys[k]]);
    const keySelects = [["x", select("Across", names, String(state.x), turn("x"))], ["y", select("up", names, String(state.y), turn("y"))]];
    section.add({
      title: "A map of two keys", height: () => 76 + Math.min(34 * values[state.y].length, 420), key, plain: true,
      note: "The level over the seeds of one policy; a blank was not run or has no value.",
      summary: "The table below has its numbers and their intervals.",
      controls: [select("Policy", section.labels.map((l) => [l, l]), state.policy, (v) => { state.policy = v; section.redraw(); }),
        select("Measure", measures.map((one, k) => [String(k), withUnit(one.label, one.unit)]), "0", (v) => { state.measure = +v; section.redraw(); }),
        ...keySelects.map(([, label]) => label), ...fix.controls, checkbox("logarithmic", false, (on) => { state.log = on; section.redraw(); })],
      table: () => ({ names: 3, heads: ["policy", keys[state.x], keys[state.y], withUnit(m().label, m().unit), "low", "high"],
        rows: values[state.y].flatMap((y) => values[state.x].map((x) => [state.policy, x, y, ...(at(state.policy, x, y) || [null, null, null])])) }),
      readOut: (u) => {
        const x = values[state.x][Math.round(u.posToVal(u.cursor.left, "x"))], y = values[state.y][Math.round(u.posToVal(u.cursor.top, "y"))];
        return x == null || y == null ? "" : keys[state.x] + " " + x + ", " + keys[state.y] + " " + y + ": " + show(at(state.policy, x, y)?.[0]);
      },
      draw: () => {
        const xs = values[state.x], ys = values[state.y], range = scale();
        if (!range) return null;
        explain(range);
        const cells = (u) => {
          const left = (i) => Math.round(u.valToPos(i - 0.5, "x", true)), top = (j) => Math.round(u.valToPos(j + 0.5, "y", true));
          u.ctx.save();
          u.ctx.font = 11 * ratio() + "px system-ui, sans-serif";
          u.ctx.textAlign = "center";
          u.ctx.textBaseline = "middle";
          ys.forEach((y, j) => xs.forEach((x, i) => {
            const value = at(state.policy, x, y)?.[0];
            if (!usable(value)) return;
            const where = part(value, range), text = show(value), gap = ratio();
            const w = left(i + 1) - left(i) - gap, h = top(j - 1) - top(j) - gap;
            u.ctx.fillStyle = shade(where);
            u.ctx.fillRect(left(i), top(j), w, h);
            if (u.ctx.measureText(text).width > w - 4 * gap || h < 12 * gap) return;
            u.ctx.fillStyle = inkOn(where);
            u.ctx.fillText(text, left(i) + w / 2, top(j) + h / 2);
          }));
          u.ctx.restore();
        };
        const words = (list) => ({ splits: () => list.map((_, k) => k), values: () => list, grid: { show: false } });
        return [{ series: [{}, { paths: () => null, points: { show: false } }], hooks: { draw: [cells] },
          scales: { x: { time: false, range: [-0.5, xs.length - 0.5] }, y: { range: [-0.5, ys.length - 0.5] } },
          axes: [Object.assign({ label: keys[state.x] }, words(xs)), Object.assign({ label: keys[state.y], size: 75 }, words(ys))],
          cursor: { drag: { x: false, y: false }, points: { show: false } } }, [xs.map((_, k) => k), xs.map(() => 0)]];
      } });
  }

  // --- how much load is borne ------------------------------------------------------------------------------------

  // Up to which value of a key (or from which on) a measure is as good as asked; `line` is sorted by x.
  // between: the last that is and the first that is not; at: where a straight line between the two meets the bound.
  function capacityOf(line, bound, better) {
    const met = line.y.map((v) => better * (v - bound) >= 0);
    const turns = met.filter((v, k) => k && v !== met[k - 1]).length;
    if (!turns) return { said: met[0] ? "at all that were run" : "at none that was run" };
    if (turns > 1) return { said: "in several stretches" };
    const up = met[0], k = up ? met.lastIndexOf(true) : met.indexOf(true), other = up ? k + 1 : k - 1;
    const share = (bound - line.y[k]) / (line.y[other] - line.y[k]);
    return { said: up ? "up to" : "from", good: line.x[k], bad: line.x[other], at: line.x[k] + share * (line.x[other] - line.x[k]) };
  }

  function capacity(section, { keys, measures, points }, values, swept) {
    const numeric = swept.filter((k) => keyValues(values[k]).numeric && !keys[k].startsWith("params."));
    const directed = measures.map((_, k) => k).filter((k) => measures[k].better);
    if (!numeric.length || !directed.length) return;
    const named = (names, list, of) => list.find((k) => names.test(of(k)));
    const state = { load: named(/rate|load|users|clients|scale|speed/, numeric, (k) => keys[k]) ?? numeric[0], over: -1,
      measure: named(/^slo_attainment$/, directed, (k) => measures[k].name) ?? directed[0] };
    const m = () => measures[state.measure];
    const shown = () => section.labels.filter((l) => !section.hidden.has(l));
    const fix = fixer(section, values, swept, () => (state.over < 0 ? [state.load] : [state.load, state.over]));
    // Nine in ten of the promises; of other measures twice the best, or half of it.
    const usual = () => {
      const all = points.flatMap((p) => p.policies.map((q) => q.levels[state.measure][0])).filter((v) => v != null);
      const best = all.length ? m().better > 0 ? Math.max(...all) : Math.min(...all) : 0;
      return m().name === "slo_attainment" ? 90 : +(m().better > 0 ? best / 2 : best * 2).toPrecision(3);
    };
    let bound = usual();
    const input = element("input", { type: "number", step: "any", value: bound, onchange: () => {
      if (isFinite(parseFloat(input.value))) { bound = parseFloat(input.value); section.redraw(); }
    } });
    const limit = element("label", {}, element("span"), " ", input);
    const name = () => { limit.firstChild.textContent = m().better > 0 ? "at least" : "at most"; input.value = bound; };
    name();
    const line = (label, over) => {
      const made = { label, i: section.index(label), x: [], y: [], low: [], high: [] };
      points.filter((p) => fix.keeps(p) && (over == null || p.keys[state.over] === over))
        .map((p) => [+p.keys[state.load], p.policies.find((q) => q.label === label)?.levels[state.measure]])
        .filter(([x, levels]) => levels && levels[0] != null && x !== made.x.at(-1)).sort((a, b) => a[0] - b[0])
        .forEach(([x, [level]]) => { if (x !== made.x.at(-1)) { made.x.push(x); made.y.push(level); } });
      return made;
    };
    const found = () => shown().flatMap((label) => (state.over < 0 ? [null] : values[state.over]).map((over) => {
      const one = line(label, over);
      return { label, over, line: one, capacity: one.x.length ? capacityOf(one, bound, m().better) : { said: "(not run)" } };
    }));
    const axis = (k) => keyValues(values[k]);
    const along = numeric.map((k) => [String(k), keys[k]]);
    const over = element("select", { onchange: () => { state.over = +over.value; fix.hide(); section.redraw(); } });
    const fill = () => {
      const choices = numeric.filter((k) => k !== state.load);
      if (!choices.includes(state.over)) state.over = -1;
      over.replaceChildren(element("option", { value: "-1" }, "the measure itself"), ...choices.map((k) => element("option", { value: k }, "what is borne, by " + keys[k])));
      over.value = String(state.over);
    };
    fill();
    const curves = () => {
      const list = found(), x = axis(state.load);
      const marks = (u) => {
        const y = u.valToPos(bound, "y", true), { left, top, width, height } = u.bbox, ctx = u.ctx;
        ctx.save();
        ctx.lineWidth = 1.5 * ratio();
        ctx.setLineDash([6 * ratio(), 4 * ratio()]);
        ctx.strokeStyle = css("--fg");
        ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(left + width, y); ctx.stroke();
        for (const one of list) {
          if (one.capacity.at == null) continue;
          const at = u.valToPos(one.capacity.at, "x", true);
          ctx.strokeStyle = color(one.line.i);
          ctx.beginPath(); ctx.moveTo(at, y); ctx.lineTo(at, top + height); ctx.stroke();
        }
        ctx.restore();
      };
      return section.lines(list.map((one) => Object.assign({}, one.line, { low: null })).filter((one) => one.x.length), { points: true, options: {
        scales: { x: x.scale, y: { range: (u, low, high) => [Math.min(0, low), Math.max(high, bound) * 1.05 || 1] } },
        axes: [Object.assign({ label: keys[state.load] }, x.axis), { label: withUnit(m().label, m().unit), size: 75 }], hooks: { draw: [marks] }, cursor: { drag: { x: true, y: false } } } });
    };
    // What has no mark.
    const key = element("p", { class: "key" });
    const explain = (list) => {
      const rest = new Map();
      list.filter((one) => one.capacity.at == null).forEach((one) => {
        const who = one.label + (one.over == null ? "" : " (" + keys[state.over] + " " + one.over + ")");
        rest.set(one.capacity.said, [...(rest.get(one.capacity.said) || []), who]);
      });
      key.replaceChildren(...[...rest].map(([said, who]) => element("span", {}, "Kept " + said + ": " + who.join(", ") + ".")));
    };
    const capacities = () => {
      const x = axis(state.over), list = found(), edges = axis(state.load).list;
      const lines = shown().map((label) => {
        const mine = list.filter((one) => one.label === label && one.capacity.at != null).sort((a, b) => a.over - b.over);
        return { label, i: section.index(label), x: mine.map((one) => +one.over), y: mine.map((one) => one.capacity.at), low: null };
      }).filter((one) => one.x.length);
      if (!lines.length) return null;
      return section.lines(lines, { points: true, options: { scales: { x: x.scale, y: { range: () => [Math.min(0, ...edges), Math.max(...edges)] } },
        axes: [Object.assign({ label: keys[state.over] }, x.axis), { label: keys[state.load], size: 75 }], cursor: { drag: { x: true, y: false } } } });
    };
    section.add({
      title: "Capacity", height: 340, key,
      note: "Up to which load or from which size on a policy keeps what is asked (the dashed line): between two values that were run where a straight line meets it; mbsand search looks closer.",
      controls: [select("Measure", directed.map((k) => [String(k), withUnit(measures[k].label, measures[k].unit)]), String(state.measure), (v) => { state.measure = +v; bound = usual(); name(); section.redraw(); }), limit,
        select("along", along, String(state.load), (v) => { state.load = +v; fill(); fix.hide(); section.redraw(); }),
        numeric.length > 1 ? element("label", {}, "Show ", over) : null, ...fix.controls],
      xText: (x) => keys[state.over < 0 ? state.load : state.over] + " " + show(x),
      table: () => ({ names: state.over < 0 ? 1 : 2, heads: ["policy", ...(state.over < 0 ? [] : [keys[state.over]]), withUnit(m().label, m().unit) + (m().better > 0 ? " >= " : " <= ") + show(bound), keys[state.load], "kept at", "not at"],
        rows: found().map((one) => [one.label, ...(state.over < 0 ? [] : [one.over]), one.capacity.said, one.capacity.at ?? null, one.capacity.good ?? null, one.capacity.bad ?? null]) }),
      draw: () => {
        explain(found());
        return state.over < 0 ? curves() : capacities();
      } });
  }

  // A tuning: what each trial came to, and the best so far; of each policy its own, in the order in which they were tried.
  function trials(section, { measures, points, keys }) {
    const m = measures[0], name = withUnit(m.label, m.unit);
    const found = () => section.labels.filter((label) => !section.hidden.has(label)).map((label) => {
      const mine = points.flatMap((p) => p.policies.filter((q) => q.label === label).map((q) => ({ keys: p.keys, what: p.label, value: q.counts ? q.levels[0][0] : null })));
      let best = null;
      const so = mine.map((one, k) => {
        if (one.value != null && (best == null || (one.value - mine[best].value) * m.better > 0)) best = k;
        return best == null ? null : mine[best].value;
      });
      return { label, i: section.index(label), mine, best, x: mine.map((_, k) => k + 1), y: so };
    }).filter((one) => one.x.length);
    const dots = (i) => ({ paths: () => null, dash: [], points: { show: true, size: 6, width: 1.5, stroke: color(i), fill: css("--bg") } });
    const key = element("p", { class: "key" });
    const explain = (list) => key.replaceChildren(...list.map((one) => element("span", {}, one.label + ": " +
      (one.best == null ? "no trial is of use." : show(one.mine[one.best].value) + " " + m.unit + " by " + one.mine[one.best].what + " (trial " + (one.best + 1) + " of " + one.mine.length + ")."))));
    section.add({
      title: "As the tuning went", height: 340, key,
      note: "Each mark is a trial, by its level over the seeds of the tuning; the line is the best so far. What it is worth stands below, on fresh seeds.",
      xText: (x) => "trial " + show(x),
      table: () => ({ names: 2, heads: ["policy", "trial", ...keys, name, "best so far"],
        rows: found().flatMap((one) => one.mine.map((trial, k) => [one.label, k + 1, ...trial.keys, trial.value ?? "of no use", one.y[k]])) }),
      draw: () => (explain(found()), section.lines(found().flatMap((one) => [Object.assign({}, one, { low: null, label: one.label + ", best so far", series: { paths: uPlot.paths.stepped({ align: 1 }) } }),
        Object.assign({}, one, { low: null, y: one.mine.map((trial) => trial.value), series: dots(one.i) })]), { options: {
        scales: { x: { time: false }, y: { range: (u, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
        axes: [{ label: "trial" }, { label: name, size: 75 }], cursor: { drag: { x: true, y: false } } } })) });
  }

  return (section) => {
    const { keys, measures, points, tuned } = section.data;
    if (tuned) return trials(section, section.data);
    if (!keys.length || !measures.length) return;
    const values = keys.map((_, k) => keyValues([...new Set(points.map((p) => p.keys[k]))]).list.map(String));
    const swept = keys.map((_, k) => k).filter((k) => values[k].length > 1);
    if (swept.length > 1) heat(section, section.data, values, swept);
    capacity(section, section.data, values, swept);
  };
};
