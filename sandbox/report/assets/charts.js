/* Charts, sortable tables and the theme: shared by reports and the web page. Text from outside is only ever
   set as text, never as markup. */
"use strict";
const sandboxCharts = (() => {
  const drawn = new Set();
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (index) => css(index < 0 ? "--grey" : `--c${index % 8}`);
  const element = (tag, cls, text) => {
    const made = document.createElement(tag);
    if (cls) made.className = cls;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  function figure(value) {
    if (value === null || value === undefined || !isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en-US");
    if (size >= 100) return value.toFixed(1);
    if (size >= 1) return value.toFixed(2);
    return size === 0 ? "0" : String(Number(value.toPrecision(3)));
  }

  /* As the terminal and the report write it. */
  function percent(value) {
    if (value === null || value === undefined || !isFinite(value)) return "–";
    const size = Math.abs(value);
    const digits = size >= 10 ? 0 : size >= 1 ? 1 : 2;
    const rounded = Number(value.toFixed(digits)) + 0; // no minus before a zero
    return `${rounded.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })} %`;
  }

  /* Half the height of an axis on which all values are the same. */
  const flat = (value) => Math.abs(value) / 10 || 1;
  function short(value) {
    const size = Math.abs(value);
    if (size >= 1e9) return Number((value / 1e9).toPrecision(4)) + "G";
    if (size >= 1e6) return Number((value / 1e6).toPrecision(4)) + "M";
    if (size >= 1e4) return Number((value / 1e3).toPrecision(4)) + "k";
    return size > 0 && size < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(6)));
  }

  const faded = (text, alpha) => {
    const probe = document.createElement("canvas").getContext("2d");
    probe.fillStyle = text;
    const hex = probe.fillStyle;
    const part = (at) => parseInt(hex.slice(at, at + 2), 16);
    return hex[0] === "#" ? `rgba(${part(1)},${part(3)},${part(5)},${alpha})` : hex;
  };

  /* spec: {x: {label}, y: {label, log}, series: [{name, x, y, low, high, colour, pale, points, dash}],
     lines: [{name, value}], height} */
  class Chart {
    constructor(host, spec) {
      this.host = host;
      this.hidden = new Set();
      this.log = Boolean(spec.y && spec.y.log);
      this.spec = spec;
      host.replaceChildren();
      this.tools = element("div", "tools");
      this.legend = element("div", "legend");
      this.scaleButton = element("button", "", "log scale");
      this.scaleButton.type = "button";
      this.scaleButton.addEventListener("click", () => { this.log = !this.log; this.build(); });
      this.resetButton = element("button", "", "reset zoom");
      this.resetButton.type = "button";
      this.resetButton.hidden = true; // until there is a zoom to take back
      this.resetButton.addEventListener("click", () => this.build());
      this.tools.append(this.legend, this.scaleButton, this.resetButton);
      this.area = element("div");
      host.append(this.tools, this.area);
      this.build();
      new ResizeObserver(() => {
        const width = this.width();
        if (this.plot && width > 0 && Math.abs(width - this.plot.width) > 1) {
          this.plot.setSize({ width, height: this.height() });
        }
      }).observe(host);
      drawn.add(this);
    }
    width() { return Math.floor(this.host.clientWidth); }
    height() { return this.spec.height || (this.width() < 520 ? 240 : 320); }
    update(spec) { this.spec = spec; this.build(true); }

    lines() {
      const series = this.spec.series.filter((line) => line.x.length);
      const xs = series.flatMap((line) => [line.x[0], line.x[line.x.length - 1]]);
      if (!xs.length) return [];
      const last = Math.max(...xs), first = Math.min(...xs);
      const ends = first < last ? [first, last] : [Math.min(0, last - 1), last]; // of curves of a single point
      const fixed = (this.spec.lines || []).filter((line) => line.value !== null).map((line) => (
        { name: line.name, x: ends, y: [line.value, line.value], colour: -2, dash: true }));
      return [...series, ...fixed];
    }

    build(keep) {
      const zoom = keep && this.plot && this.zoomed ? { ...this.plot.scales.x } : null;
      if (this.plot) this.plot.destroy();
      this.area.replaceChildren();
      const shown = this.lines();
      this.legend.replaceChildren();
      this.scaleButton.hidden = !shown.length;
      if (!shown.length) { this.area.append(element("p", "soft small", "No figures yet.")); this.plot = null; return; }
      const positive = shown.every((line) => line.y.every((value) => value === null || value === undefined || value > 0));
      const log = this.log && positive;
      this.scaleButton.hidden = !positive;
      this.scaleButton.setAttribute("aria-pressed", String(log));
      const tables = [];
      const series = [{}];
      const bands = [];
      this.entries = [];
      for (const line of shown) {
        const ink = line.colour === -2 ? css("--ink") : colour(line.colour);
        const stroke = line.pale ? faded(ink, 0.5) : ink;
        const show = !this.hidden.has(line.name);
        const columns = [line.x, line.y];
        const single = line.y.filter((value) => value !== null && value !== undefined).length === 1; // no line leads to it
        const at = series.length;
        series.push({
          label: line.name, stroke, show, width: line.pale ? 1.3 : 2, dash: line.dash ? [6, 5] : undefined,
          points: { show: Boolean(line.points) || single, size: 6, fill: stroke }, spanGaps: true,
        });
        const parts = [at];
        if (line.low && line.high) {
          columns.push(line.low, line.high);
          for (const unused of [0, 1]) {
            parts.push(series.length);
            series.push({ stroke: "transparent", width: 0, show, points: { show: false }, spanGaps: true });
          }
          bands.push({ series: [at + 2, at + 1], fill: faded(ink, 0.16) });
        }
        tables.push(columns);
        this.entries.push(this.entry(line, ink, at, parts, show));
      }
      const data = uPlot.join(tables);
      const axis = { stroke: css("--soft"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
        grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, labelSize: 22 };
      this.zoomed = Boolean(zoom);
      this.resetButton.hidden = !this.zoomed;
      this.plot = new uPlot({
        width: Math.max(this.width(), 80), height: this.height(), padding: [8, 26, 0, 0],
        scales: { x: { time: false }, y: log ? { distr: 3 } : { range: (u, low, high) => low === high && low !== null ? [low - flat(low), low + flat(low)] : uPlot.rangeNum(low, high, 0.1, true) } },
        axes: [
          { ...axis, label: this.spec.x.label, size: 30, labelSize: 20, labelGap: 0, values: (u, ticks) => ticks.map(short) },
          { ...axis, label: this.spec.y.label, size: 58, values: (u, ticks) => ticks.map((v) => v === null ? "" : short(v)) },
        ],
        series, bands,
        cursor: { drag: { x: true, y: false }, points: { size: 7 }, y: false, dataIdx: (u, at, index) => nearest(u.data, at, index) },
        legend: { show: false },
        hooks: {
          setCursor: [(u) => this.tell(u)],
          setSelect: [(u) => { if (u.select.width > 0) { this.zoomed = true; this.resetButton.hidden = false; } }],
        },
      }, data, this.area);
      if (zoom) this.plot.setScale("x", { min: zoom.min, max: zoom.max });
      this.tell(this.plot);
    }

    entry(line, ink, at, parts, show) {
      const button = element("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(show));
      button.title = "show or hide";
      const key = element("span", `key${line.dash ? " dash" : ""}${line.pale ? " pale" : ""}`);
      key.style.borderTopColor = ink;
      const value = element("span", "value");
      button.append(key, document.createTextNode(line.name), value);
      button.addEventListener("click", () => {
        const next = this.hidden.has(line.name);
        if (next) this.hidden.delete(line.name); else this.hidden.add(line.name);
        button.setAttribute("aria-pressed", String(next));
        for (const part of parts) this.plot.setSeries(part, { show: next });
      });
      this.legend.append(button);
      return { at, value };
    }

    tell(u) {
      for (const { at, value } of this.entries) {
        const index = u.cursor.idxs ? u.cursor.idxs[at] : null;
        const known = index === null || index === undefined ? null : u.data[at][index];
        value.textContent = known === null || known === undefined ? "" : figure(known);
      }
    }
  }

  /* Of a column that has gaps, the point nearest to where the cursor is: the one that is marked and told. */
  function nearest(data, column, index) {
    const known = (i) => i >= 0 && i < data[0].length && data[column][i] !== null && data[column][i] !== undefined;
    let left = index, right = index;
    while (left >= 0 && !known(left)) left--;
    while (right < data[0].length && !known(right)) right++;
    if (!known(left)) return known(right) ? right : index;
    if (!known(right)) return left;
    const here = data[0][index];
    return here - data[0][left] <= data[0][right] - here ? left : right;
  }

  /* kept: {column, up} of the order, which outlives the table. */
  function sortable(table, kept = {}) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.textContent.trim() || head.querySelector("button")) return;
      const button = element("button", "", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      const order = (up) => {
        Object.assign(kept, { column: head.textContent, up });
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => {
          const cell = row.cells[column];
          const given = cell ? cell.dataset.value : undefined;
          return given === undefined ? (cell ? cell.textContent.trim() : "") : given === "" ? null : Number(given);
        };
        const rows = [...body.rows].map((row) => [key(row), row]);
        rows.sort(([a], [b]) => {
          if (a === null || b === null) return (a === null) - (b === null);
          const sign = typeof a === "number" && typeof b === "number" ? a - b
            : String(a).localeCompare(String(b), "en", { numeric: true });
          return up ? sign : -sign;
        });
        body.append(...rows.map(([, row]) => row));
      };
      button.addEventListener("click", () => order(head.getAttribute("aria-sort") !== "ascending"));
      if (kept.column === button.textContent) order(kept.up);
    });
  }

  function theme(button) {
    const root = document.documentElement;
    const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    const again = () => { for (const chart of drawn) if (chart.host.isConnected) chart.build(true); else drawn.delete(chart);
      document.dispatchEvent(new Event("sandbox-theme")); };
    try { const kept = localStorage.getItem("theme"); if (kept === "dark" || kept === "light") root.dataset.theme = kept; } catch { /* a page without storage */ }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    if (!button) return;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a page without storage */ }
      again();
    });
  }

  return { Chart, sortable, theme, figure, percent, short, css, colour, faded, element };
})();
