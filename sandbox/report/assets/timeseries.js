/* Charts that run along with a replay: one panel for series of one axis, with a mark at the present. */
"use strict";
const sandboxSeries = (() => {
  const { css, faded, figure, short, element } = sandboxCharts;
  const { VARIABLES } = sandboxScene;

  /* Series of an episode grouped by panel, with the least and greatest value of each panel. */
  function panelsOf(episode) {
    const panels = new Map();
    (episode.series || []).forEach((series) => {
      const title = series.panel || series.name;
      if (!panels.has(title)) panels.set(title, { title, series: [] });
      panels.get(title).series.push({ ...series, values: Array.from(sandboxScene.column(series.values), (value) => isNaN(value) ? null : value) });
    });
    for (const panel of panels.values()) {
      panel.unit = panel.series[0].unit || "";
      const known = panel.series.flatMap((series) => series.values).filter((value) => value !== null);
      panel.low = known.reduce((a, b) => Math.min(a, b), Infinity);
      panel.high = known.reduce((a, b) => Math.max(a, b), -Infinity);
      if (panel.series.some((series) => series.style === "bars")) { panel.low = Math.min(panel.low, 0); panel.high = Math.max(panel.high, 0); }
    }
    return [...panels.values()];
  }

  const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7];
  const shown = (value) => Number.isInteger(value) ? value.toLocaleString("en-US") : figure(value);

  class Panel {
    /* range: [low, high] of the axis, so that episodes side by side have the same; unit: written below the
       last panel of an episode, empty for the others. */
    constructor(host, panel, { times, unit, events, range, seek }) {
      Object.assign(this, { panel, times, unit, events, range, index: 0 });
      this.caption = element("p", "caption");
      this.area = element("div", "plot");
      host.append(this.caption, this.area);
      this.captioned();
      this.seek = (event) => {
        const box = this.plot.over.getBoundingClientRect();
        seek(this.plot.posToVal(event.clientX - box.left, "x"));
      };
      this.build();
      new ResizeObserver(() => {
        const width = Math.floor(this.area.clientWidth);
        if (this.plot && width > 0 && Math.abs(width - this.plot.width) > 1) { this.plot.setSize({ width, height: this.plot.height }); this.mark(); }
      }).observe(this.area);
    }
    ink(place) {
      const name = this.panel.series[place].colour;
      return css(name ? VARIABLES[name] || "--ink" : `--c${place % 8}`);
    }
    captioned() {
      this.caption.replaceChildren(element("strong", "", this.panel.title), document.createTextNode(this.panel.unit ? ` (${this.panel.unit})` : ""));
      const alone = this.panel.series.length === 1;
      this.values = this.panel.series.map((series, place) => {
        const word = element("span", "series");
        const swatch = element("span", "swatch");
        swatch.style.background = this.ink(place);
        const value = element("span", "value");
        word.append(swatch, document.createTextNode(alone && series.name === this.panel.title ? "" : `${series.name} `), value);
        this.caption.append(word);
        return value;
      });
    }
    build() {
      if (this.plot) this.plot.destroy();
      this.area.replaceChildren();
      const axis = { stroke: css("--soft"), font: "11px system-ui, sans-serif", grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
      const paths = { step: uPlot.paths.stepped({ align: 1 }), bars: uPlot.paths.bars({ size: [0.8, 40] }), line: uPlot.paths.linear() };
      const series = this.panel.series.map((line, place) => {
        const ink = this.ink(place);
        const lone = line.values.filter((value) => value !== null).length === 1;
        return { stroke: ink, width: line.style === "bars" ? 1 : 1.6, fill: line.style === "bars" ? faded(ink, 0.5) : undefined,
          paths: paths[line.style || "line"], points: { show: lone }, spanGaps: false };
      });
      let [low, high] = this.range;
      if (!(low <= high)) [low, high] = [0, 1];
      const margin = high > low ? 0.06 * (high - low) : Math.abs(high) * 0.1 || 1;
      const whole = this.times.every(Number.isInteger);
      const first = this.times[0], last = this.times[this.times.length - 1];
      this.plot = new uPlot({
        width: Math.max(Math.floor(this.area.clientWidth), 80), height: this.unit ? 140 : 124, padding: [6, 14, 0, 0],
        scales: { x: { time: false, range: () => last > first ? [first, last] : [first - 0.5, first + 0.5] },
          y: { range: () => [low >= 0 && low <= margin ? 0 : low - margin, high + margin] } },
        axes: [
          { ...axis, size: 24, gap: 2, space: 52, values: (u, ticks) => ticks.map(short), ...(whole ? { incrs: WHOLE } : {}),
            ...(this.unit ? { label: this.unit === "s" ? "time, s" : this.unit, labelSize: 16, labelGap: 0, labelFont: "11px system-ui, sans-serif" } : {}) },
          { ...axis, size: 50, space: 26, values: (u, ticks) => ticks.map((tick) => tick === null ? "" : short(tick)) },
        ],
        series: [{}, ...series],
        cursor: { show: false },
        legend: { show: false },
        hooks: { drawClear: [(u) => this.shade(u)] },
      }, [this.times, ...this.panel.series.map((line) => line.values)], this.area);
      this.now = element("div", "now");
      this.plot.over.append(this.now);
      this.plot.over.addEventListener("pointerdown", (event) => { this.plot.over.setPointerCapture(event.pointerId); this.seek(event); });
      this.plot.over.addEventListener("pointermove", (event) => { if (event.buttons === 1) this.seek(event); });
      this.mark();
    }
    /* Events: a rule where one happens, a band where it lasts. */
    shade(u) {
      const { top, height } = u.bbox;
      for (const event of this.events.slice(0, 200)) {
        const from = u.valToPos(this.times[Math.min(event.frame, this.times.length - 1)], "x", true);
        const to = event.until === undefined || event.until === null ? from + 1 : u.valToPos(this.times[Math.min(event.until, this.times.length - 1)], "x", true);
        u.ctx.fillStyle = faded(css("--faint"), 0.22);
        u.ctx.fillRect(from, top, Math.max(1, to - from), height);
      }
    }
    draw(index, time) {
      this.index = index;
      this.time = time;
      this.mark();
      this.values.forEach((value, place) => { value.textContent = shown(this.panel.series[place].values[index]); });
    }
    mark() {
      if (this.plot && this.time !== undefined) this.now.style.transform = `translateX(${this.plot.valToPos(this.time, "x")}px)`;
    }
  }

  return { Panel, panelsOf, shown };
})();
