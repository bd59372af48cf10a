/* A search for hyperparameters: its trials as parallel coordinates, what mattered, how it went on, and a table.
   Shared by the web page and the report. Text from outside is only ever set as text, never as markup. */
"use strict";
const sandboxStudy = (() => {
  const { Chart, css, element, figure, short, sortable } = sandboxCharts;
  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 100, HEIGHT = 300, TOP = 40, BOTTOM = 16;

  function drawn(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }
  const plain = (value) => Array.isArray(value) ? value.join("x") : value === null || value === undefined ? "none" : String(value);
  const shortNumber = (value) => value > 0.99 && value < 1 ? String(Number(value.toFixed(5))) : Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(1) : String(Number(value.toPrecision(3)));

  /* An axis: where a trial's value lies from 0 (bottom) to 1, and what stands at some places. */
  function hyperparameterAxis(name, range, trials) {
    if (range.kind === "choice") {
      const values = range.values.map(plain);
      const place = (index) => values.length > 1 ? index / (values.length - 1) : 0.5;
      return { name, at: (trial) => { const index = values.indexOf(plain(trial.hyperparameters[name])); return index < 0 ? null : place(index); },
        marks: values.map((text, index) => [place(index), text]), text: (trial) => plain(trial.hyperparameters[name]) };
    }
    const known = trials.map((trial) => trial.hyperparameters[name]).filter((value) => typeof value === "number");
    const low = Math.min(range.low ?? Infinity, ...known), high = Math.max(range.high ?? -Infinity, ...known);
    // Of a discount or the like it is the distance to 1 that is searched.
    const turned = (value) => range.complement ? 1 - value : value;
    const scaled = (value) => range.log ? Math.log(Math.max(turned(value), 1e-300)) : turned(value);
    const [a, b] = [scaled(low), scaled(high)];
    const share = (value) => b === a ? 0.5 : (scaled(value) - a) / (b - a);
    const back = (part) => { const inner = a + part * (b - a); const outer = range.log ? Math.exp(inner) : inner; return range.complement ? 1 - outer : outer; };
    return { name, at: (trial) => typeof trial.hyperparameters[name] === "number" ? share(trial.hyperparameters[name]) : null,
      marks: [0, 0.25, 0.5, 0.75, 1].map((part) => [part, shortNumber(range.kind === "whole" ? Math.round(back(part)) : back(part))]),
      text: (trial) => shortNumber(trial.hyperparameters[name] ?? NaN) };
  }

  /* The axis of the result. One diverged trial must not press all others together: it is cut off at the end. */
  function valueAxis(study, trials) {
    const values = trials.map((trial) => trial.value).sort((x, y) => x - y);
    const at = (share) => values[Math.round(share * (values.length - 1))];
    const lower = study.better === "lower";
    const [low, high] = lower ? [values[0], Math.max(at(0.9), values[0])] : [Math.min(at(0.1), values[values.length - 1]), values[values.length - 1]];
    const share = (value) => high === low ? 0.5 : Math.min(1, Math.max(0, (value - low) / (high - low)));
    const cut = trials.some((trial) => trial.value < low || trial.value > high);
    const mark = (part) => `${cut && part === (lower ? 1 : 0) ? (lower ? "≥ " : "≤ ") : ""}${figure(low + part * (high - low))}`;
    return { name: study.metric, result: true, at: (trial) => share(trial.value), marks: [0, 0.25, 0.5, 0.75, 1].map((part) => [part, mark(part)]), text: (trial) => figure(trial.value) };
  }

  /* How good a trial is among all, from 0 to 1. */
  function goodness(study, trials) {
    const ordered = [...trials].sort((a, b) => study.better === "lower" ? a.value - b.value : b.value - a.value);
    return new Map(ordered.map((trial, place) => [trial.number, ordered.length > 1 ? 1 - place / (ordered.length - 1) : 1]));
  }

  class Parallel {
    constructor(host, study, onChoice) {
      this.study = study;
      this.onChoice = onChoice;
      this.trials = study.trials.filter((trial) => trial.state === "complete" && typeof trial.value === "number");
      this.names = Object.keys(study.space).sort((a, b) => (study.importances[b] ?? study.importances[`1-${b}`] ?? 0) - (study.importances[a] ?? study.importances[`1-${a}`] ?? 0));
      this.chosen = new Map();
      this.box = element("div", "parallel");
      this.tip = element("p", "soft small words", "");
      host.append(this.box, this.tip);
      this.draw();
    }
    get axes() { return [...this.names.map((name) => hyperparameterAxis(name, this.study.space[name], this.trials)), valueAxis(this.study, this.trials)]; }
    fits(trial) { return this.axesNow.every((axis) => { const span = this.chosen.get(axis.name); const at = axis.at(trial); return !span || (at !== null && at >= span[0] - 1e-6 && at <= span[1] + 1e-6); }); }
    draw() {
      const axes = this.axesNow = this.axes;
      const width = Math.max(WIDTH * axes.length, Math.floor(this.box.clientWidth || 0) - 2);
      const step = width / axes.length;
      const x = (place) => step * (place + 0.5), y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
      const svg = drawn("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${this.trials.length} trials as parallel coordinates` });
      const good = goodness(this.study, this.trials);
      const best = this.study.best ? this.study.best.trial : null;
      this.lines = new Map();
      for (const trial of [...this.trials].sort((a, b) => good.get(a.number) - good.get(b.number))) {
        const points = axes.map((axis, place) => { const at = axis.at(trial); return at === null ? null : `${x(place).toFixed(1)},${y(at).toFixed(1)}`; });
        const path = points.reduce((text, point) => point === null ? text : `${text}${text ? " L" : "M"}${point}`, "");
        const line = drawn("path", { d: path, class: `trial g${Math.round(good.get(trial.number) * 4)}${trial.number === best ? " best" : ""}` });
        line.append(drawn("title", {}, this.words(trial)));
        line.addEventListener("pointerenter", () => { this.tip.textContent = this.words(trial); });
        svg.append(line);
        this.lines.set(trial.number, line);
      }
      axes.forEach((axis, place) => {
        const group = drawn("g", { class: `axis${axis.result ? " result" : ""}` });
        group.append(drawn("line", { x1: x(place), x2: x(place), y1: TOP, y2: HEIGHT - BOTTOM }));
        const name = drawn("text", { x: x(place), y: 16, class: "name" }, axis.name.length > 16 ? `${axis.name.slice(0, 15)}…` : axis.name);
        name.append(drawn("title", {}, axis.name));
        group.append(name);
        for (const [share, text] of axis.marks) group.append(drawn("text", { x: x(place) + 6, y: y(share) + 4 }, text.length > 12 ? `${text.slice(0, 11)}…` : text));
        const area = drawn("rect", { x: x(place) - 14, y: TOP - 6, width: 28, height: HEIGHT - TOP - BOTTOM + 12, class: "brush" });
        group.append(area);
        const span = this.chosen.get(axis.name);
        if (span) group.append(drawn("rect", { x: x(place) - 7, y: y(span[1]), width: 14, height: Math.max(3, y(span[0]) - y(span[1])), class: "span" }));
        this.brush(area, svg, axis, y);
        svg.append(group);
      });
      this.box.replaceChildren(svg);
      this.mark();
    }
    /* A range is chosen by dragging along an axis, and given up by a click. */
    brush(area, svg, axis, y) {
      const share = (event) => { const box = svg.getBoundingClientRect(); return Math.min(1, Math.max(0, 1 - (event.clientY - box.top - TOP) / (HEIGHT - TOP - BOTTOM))); };
      area.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        const from = share(event);
        let span = null;
        const move = (next) => { const to = share(next); span = Math.abs(to - from) * HEIGHT > 6 ? [Math.min(from, to), Math.max(from, to)] : null; };
        const end = () => {
          removeEventListener("pointermove", move);
          removeEventListener("pointerup", end);
          if (span) this.chosen.set(axis.name, span); else this.chosen.delete(axis.name);
          this.draw();
        };
        addEventListener("pointermove", move);
        addEventListener("pointerup", end);
      });
    }
    mark() {
      const fitting = new Set(this.trials.filter((trial) => this.fits(trial)).map((trial) => trial.number));
      for (const [number, line] of this.lines) line.classList.toggle("out", !fitting.has(number));
      this.tip.textContent = this.chosen.size ? `${fitting.size} of ${this.trials.length} trials lie in what was chosen; a click on an axis gives it up.`
        : "The darker the better; the best is thick. Drag along an axis to choose a range.";
      if (this.onChoice) this.onChoice(fitting);
    }
    words(trial) {
      return `trial ${trial.number}: ${this.study.metric} ${figure(trial.value)}; ${this.names.map((name) => `${name} ${plain(trial.hyperparameters[name])}`).join(", ")}`;
    }
  }

  function importance(host, study) {
    const known = Object.entries(study.importances).filter(([, share]) => typeof share === "number").sort(([, a], [, b]) => b - a);
    if (!known.length) {
      host.append(element("p", "soft small", "What mattered is not known yet: that takes 10 finished trials that differ."));
      return;
    }
    const most = known[0][1] || 1;
    const list = element("div", "bars");
    for (const [name, share] of known) {
      const track = element("span", "track");
      const bar = element("i");
      bar.style.width = `${100 * share / most}%`;
      track.append(bar);
      list.append(element("span", "name", name.replace(/^1-/, "")), track, element("span", "value", `${Math.round(100 * share)} %`));
    }
    host.append(list, element("p", "soft small", "Share of what decides the result among the better trials (PED-ANOVA)."));
  }

  function history(study) {
    const done = study.trials.filter((trial) => trial.state === "complete" && typeof trial.value === "number").sort((a, b) => a.number - b.number);
    const better = study.better === "lower" ? Math.min : Math.max;
    let reached = study.better === "lower" ? Infinity : -Infinity;
    const x = done.map((trial) => trial.number);
    const best = done.map((trial) => (reached = better(reached, trial.value)));
    return { x: { label: "trial" }, y: { label: `${study.metric}${["", "1"].includes(study.unit) ? "" : ` (${study.unit})`}, ${study.better} is better`, log: Math.min(...best) > 0 && Math.max(...done.map((trial) => trial.value)) > 20 * Math.min(...best) }, lines: [], height: 260,
      series: [{ name: "finished trial", x, y: done.map((trial) => trial.value), colour: 0, pale: true, points: true }, { name: "best so far", x, y: best, colour: 1 }] };
  }

  function trials(study) {
    const names = Object.keys(study.space);
    const box = element("div", "scroll");
    const made = element("table", "sortable trials");
    const head = made.createTHead().insertRow();
    const word = (name) => name === "state" || (study.space[name] && study.trials.some((trial) => typeof trial.hyperparameters[name] !== "number"));
    for (const name of ["trial", study.metric, "state", ...names, "steps", "seconds"]) head.append(element("th", word(name) ? "text" : "", name));
    const body = made.createTBody();
    const sign = study.better === "lower" ? 1 : -1;
    for (const trial of [...study.trials].sort((a, b) => sign * ((a.value ?? sign * Infinity) - (b.value ?? sign * Infinity)))) {
      const row = body.insertRow();
      row.dataset.trial = trial.number;
      const cell = (text, value) => {
        const made_ = row.insertCell();
        made_.textContent = text;
        if (typeof value === "string") made_.className = "text"; else made_.dataset.value = value ?? "";
      };
      cell(study.best && study.best.trial === trial.number ? `${trial.number}, best` : String(trial.number), trial.number);
      cell(figure(trial.value), trial.value);
      cell(trial.error ? `${trial.state}: ${trial.error}` : trial.state, trial.state);
      for (const name of names) { const value = trial.hyperparameters[name]; cell(typeof value === "number" ? shortNumber(value) : plain(value), typeof value === "number" ? value : plain(value)); }
      cell(Number(trial.steps).toLocaleString("en-US"), trial.steps);
      cell(trial.seconds === null ? "–" : figure(trial.seconds), trial.seconds);
    }
    sortable(made);
    box.append(made);
    return box;
  }

  /* All of a search below a host; returns the charts, which a live page updates. */
  function mount(host, study) {
    host.replaceChildren();
    const finished = study.trials.filter((trial) => trial.state === "complete" && typeof trial.value === "number");
    const { counts } = study;
    const words = [`${counts.complete} of ${study.wanted} trials finished`, counts.pruned ? `${counts.pruned} pruned` : "", counts.failed ? `${counts.failed} failed` : "", counts.running ? `${counts.running} running` : ""].filter(Boolean).join(", ");
    host.append(element("p", "soft", `${words}; ${Number(study.budget.steps).toLocaleString("en-US")} steps a run, ${study.budget.seeds.length} training ${study.budget.seeds.length === 1 ? "seed" : "seeds"} and ${study.budget.episodes} tuning episodes a trial. No test seed is used.`));
    if (study.best) host.append(element("p", "", `Best: trial ${study.best.trial} with ${study.metric} ${figure(study.best.value)}${["", "1"].includes(study.unit) ? "" : ` ${study.unit}`}.`));
    if (!finished.length) { host.append(element("p", "empty", "No trial is finished yet.")); return; }
    host.append(element("h2", "", "Trials, side by side"));
    const area = element("div");
    host.append(area);
    const list = trials(study);
    new Parallel(area, study, (fitting) => {
      for (const row of list.querySelectorAll("tbody tr")) row.classList.toggle("out", finished.some((trial) => String(trial.number) === row.dataset.trial) && !fitting.has(Number(row.dataset.trial)));
    });
    host.append(element("h2", "", "What mattered"));
    const shares = element("div");
    host.append(shares);
    importance(shares, study);
    host.append(element("h2", "", "How it went on"));
    const chart = element("div", "chart");
    host.append(chart);
    new Chart(chart, history(study));
    host.append(element("h2", "", "All trials"), list);
    if (study.preset) {
      host.append(element("h2", "", "The winner as a preset"));
      host.append(element("pre", "", JSON.stringify(study.preset, null, 2)));
    }
  }

  return { mount };
})();
