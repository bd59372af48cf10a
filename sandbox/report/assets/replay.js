/* The player of replay files (docs/reference/replay.md): scenes, pictures and series along one clock. It knows
   no domain. Replays on a page play in step unless the reader says otherwise. */
"use strict";
const sandboxReplay = (() => {
  const { element } = sandboxCharts;
  const mounted = new Set();
  let inStep = true;

  /* What fits into the window beside the head of a stage and the bar. */
  const room = () => Math.max(180, Math.min(640, window.innerHeight - 200));
  const number = (value) => Number(value.toPrecision(6)).toLocaleString("en-US");

  /* One episode: what is drawn of it, and when its frames are. */
  class Stage {
    constructor(host, episode, base, ranges, seek) {
      const { clock = {}, frames } = episode;
      this.times = clock.times ? Array.from(sandboxScene.column(clock.times))
        : Array.from({ length: frames }, (_, i) => (clock.start ?? 0) + (clock.every ?? 1) * i);
      this.unit = clock.unit ?? "steps";
      this.episode = episode;
      this.parts = [];
      const head = element("h4", "", episode.agent);
      head.append(element("span", "", ` seed ${episode.seed}`));
      host.append(head);
      const cut = this.cut();
      if (cut) host.append(element("p", "cut", cut));
      if (episode.note) host.append(element("p", "caption", episode.note));
      const body = element("div", "body");
      host.append(body);
      if (episode.scene || episode.pictures) {
        const seen = element("div", "seen");
        body.append(seen);
        if (episode.scene) this.parts.push(new sandboxScene.Scene(seen, episode.scene, room));
        if (episode.pictures) this.parts.push(new sandboxScene.Pictures(seen, episode.pictures, base, room));
        this.words = element("p", "caption words");
        seen.append(this.words);
      }
      const panels = sandboxSeries.panelsOf(episode);
      if (panels.length) {
        const charts = element("div", "charts");
        body.append(charts);
        this.panels = panels.map((panel, place) => new sandboxSeries.Panel(charts, panel,
          { times: this.times, unit: place === panels.length - 1 ? this.unit : "", events: episode.events || [], range: ranges.get(panel.title), seek }));
        if (!this.words) { this.words = element("p", "caption words"); charts.append(this.words); }
      }
      const figures = Object.entries(episode.metrics || {}).slice(0, 16).map(([name, value]) => `${name} ${sandboxSeries.shown(value)}`);
      if (figures.length) host.append(element("p", "figures", `${cut ? "whole episode: " : ""}${figures.join(" · ")}`));
    }
    /* Says so where the frames are not the whole episode. */
    cut() {
      const end = this.episode.episode_end;
      if (!(end > this.end)) return "";
      const early = this.start <= (this.times[1] - this.start || 1);
      return `${early ? "first" : `${number(this.start)} to`} ${number(this.end)} of ${number(end)} ${this.unit}`;
    }
    get start() { return this.times[0]; }
    get end() { return this.times[this.times.length - 1]; }
    index(time) {
      let low = 0, high = this.times.length;
      while (low < high) { const middle = (low + high) >> 1; if (this.times[middle] <= time + 1e-9) low = middle + 1; else high = middle; }
      return Math.max(0, low - 1);
    }
    draw(time) {
      const at = Math.min(this.end, Math.max(this.start, time));
      const index = this.index(at);
      const next = this.times[index + 1];
      const share = next === undefined ? 0 : Math.min(1, Math.max(0, (at - this.times[index]) / (next - this.times[index])));
      for (const part of this.parts) part.draw(index, share);
      for (const panel of this.panels || []) panel.draw(index, at);
      if (this.words) this.words.textContent = this.sentence(index);
    }
    sentence(index) {
      const words = (this.episode.texts || []).filter((text) => text.values[index]).map((text) => `${text.name}: ${text.values[index]}`);
      const events = (this.episode.events || []).filter((event) => event.frame <= index && index <= (event.until ?? event.frame + 3));
      return [...words, ...events.map((event) => event.text)].join(" · ");
    }
    build() {
      for (const part of this.parts) if (part.changed) part.changed();
      for (const panel of this.panels || []) { panel.captioned(); panel.build(); panel.draw(panel.index, panel.time); }
    }
  }

  /* Units of the clock a second: multiples of real time where the unit is the second. */
  function speeds(unit, span) {
    const seconds = unit === "s";
    const rates = (seconds ? [0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200] : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
      .filter((rate) => span / rate >= 1.5 && span / rate <= 1200);
    if (!rates.length) rates.push(1);
    const usual = rates.find((rate) => span / rate <= (seconds ? 60 : 20)) ?? rates[rates.length - 1];
    return { usual, options: rates.map((rate) => [rate, seconds ? `${rate}×` : `${rate}/s`]) };
  }

  /* The bar: it holds the time, and leads others while it plays. */
  class Player {
    constructor(host, replay, base) {
      this.host = host;
      host.replaceChildren();
      host.classList.add("replay");
      if (replay.title) host.append(element("p", "title", replay.title));
      const facts = Object.entries(replay.facts || {}).map(([name, text]) => `${name}: ${text}`);
      if (facts.length) host.append(element("p", "caption", facts.join(" · ")));
      const box = element("div", "stages");
      host.append(box);
      const ranges = new Map();
      for (const panel of replay.episodes.flatMap(sandboxSeries.panelsOf)) {
        const [low, high] = ranges.get(panel.title) || [Infinity, -Infinity];
        ranges.set(panel.title, [Math.min(low, panel.low), Math.max(high, panel.high)]);
      }
      this.stages = replay.episodes.map((episode) => {
        const stage = element("div", "stage");
        box.append(stage);
        return new Stage(stage, episode, base, ranges, (time) => this.moved(time));
      });
      this.unit = this.stages[0].unit;
      this.start = Math.min(...this.stages.map((stage) => stage.start));
      this.end = Math.max(...this.stages.map((stage) => stage.end));
      this.time = replay.episodes[0].opens_at === "end" ? this.end : this.start;
      this.leader = null;
      this.bar();
      this.show();
      new ResizeObserver(() => this.show()).observe(box);
    }
    bar() {
      const bar = element("div", "bar");
      this.button = element("button", "play", "Play");
      this.button.type = "button";
      this.button.addEventListener("click", () => this.leader ? this.leader.stop() : this.play());
      this.slider = element("input");
      const every = Math.min(...this.stages.map((stage) => stage.times.length > 1 ? (stage.end - stage.start) / (stage.times.length - 1) : 1));
      Object.assign(this.slider, { type: "range", min: this.start, max: this.end, step: every, value: this.time });
      this.slider.setAttribute("aria-label", "position");
      this.slider.addEventListener("input", () => this.moved(Number(this.slider.value)));
      this.clock = element("span", "clock");
      this.rate = element("select");
      this.rate.setAttribute("aria-label", "speed");
      const { usual, options } = speeds(this.unit, this.end - this.start);
      for (const [value, text] of options) {
        const option = element("option", "", text);
        Object.assign(option, { value, selected: value === usual });
        this.rate.append(option);
      }
      this.step = element("button", "step", "in step");
      Object.assign(this.step, { type: "button", title: "play all replays of this page together" });
      this.step.addEventListener("click", () => {
        for (const player of mounted) if (player.leader && player.leader !== player) player.follow(null);
        inStep = !inStep;
        together();
      });
      bar.append(this.button, this.slider, this.clock, this.rate, this.step);
      if (this.end > this.start) this.host.append(bar);
    }
    show() {
      for (const stage of this.stages) stage.draw(this.time);
      this.slider.value = String(this.time);
      const shown = this.stages.map((stage) => stage.times[stage.index(Math.min(this.time, stage.end))]);
      this.clock.textContent = `${number(Math.max(...shown))} of ${number(this.end)} ${this.unit}`;
    }
    /* The reader chose a time. */
    moved(time) {
      if (this.leader) this.leader.stop();
      this.time = Math.min(this.end, Math.max(this.start, time));
      this.show();
      for (const other of this.others()) other.take(this);
    }
    others() {
      if (!inStep) return [];
      return [...mounted].filter((player) => player !== this && player.host.isConnected);
    }
    /* The same time as another, or the same share of the way where the units differ. */
    take(other) {
      const time = other.unit === this.unit ? other.time : this.start + (this.end - this.start) * (other.time - other.start) / (other.end - other.start || 1);
      this.time = Math.min(this.end, Math.max(this.start, time));
      this.show();
    }
    follow(leader) {
      this.leader = leader;
      this.button.textContent = leader ? "Pause" : "Play";
    }
    play() {
      // The longest of the same unit leads, so that none is cut short by another's end.
      const alike = this.others().filter((other) => other.unit === this.unit);
      const leader = [this, ...alike].reduce((a, b) => b.end > a.end ? b : a);
      if (this.time >= this.end) this.time = this.start;
      if (leader !== this) leader.take(this);
      leader.lead(this.rate);
    }
    lead(rate) {
      this.follow(this);
      for (const other of this.others()) other.follow(this);
      let before = null;  // set by the first frame, whose time may lie before the click's
      const tick = (now) => {
        if (this.leader !== this) return;
        if (!this.host.isConnected) { this.stop(); return; }
        const passed = before === null ? 0 : Math.min(0.25, Math.max(0, (now - before) / 1000));
        before = now;
        this.time = Math.min(this.end, this.time + passed * Number(rate.value));
        this.show();
        for (const other of mounted) if (other !== this && other.leader === this) other.take(this);
        if (this.time >= this.end) this.stop(); else requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    }
    stop() {
      for (const player of mounted) if (player.leader === this) player.follow(null);
      this.follow(null);
    }
  }

  /* Forgets players that left the page, and offers to play in step where there are several. */
  function together() {
    for (const player of mounted) if (!player.host.isConnected || player.host.player !== player) mounted.delete(player);
    for (const player of mounted) {
      player.step.hidden = mounted.size < 2;
      player.step.setAttribute("aria-pressed", String(inStep));
    }
  }

  function mount(host, replay, base = "") {
    if (host.player && host.player.leader) host.player.leader.stop();
    host.player = new Player(host, replay, base);
    mounted.add(host.player);
    together();
  }

  window.addEventListener("resize", () => { for (const player of mounted) if (player.host.isConnected) player.show(); });
  document.addEventListener("sandbox-theme", () => {
    for (const player of mounted) if (player.host.isConnected) for (const stage of player.stages) stage.build();
  });

  return { mount };
})();
