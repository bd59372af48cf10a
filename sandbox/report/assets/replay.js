/* Players for replay files (docs/reference/replay.md). Text from outside is only ever set as text. */
"use strict";
const sandboxReplay = (() => {
  const { css, colour, faded, figure, element } = sandboxCharts;
  const SVG = "http://www.w3.org/2000/svg";
  const svg = (tag, attributes) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  function prepared(canvas, ratio) {
    const width = canvas.clientWidth || 300;
    const height = Math.round(ratio(width));
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
      canvas.style.height = `${height}px`;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    return { pen, width, height };
  }

  class Intersection {
    constructor(stage, episode) {
      this.episode = episode;
      this.frames = episode.frames.length;
      this.rate = 1 / episode.seconds_per_frame;
      this.speeds = [[1, "1×"], [5, "5×"], [10, "10×"], [30, "30×"]];
      this.speed = 10;
      this.canvas = element("canvas");
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", "vehicles from above");
      stage.append(this.canvas);
      const points = episode.roads.flatMap((road) => road.points).concat(episode.junctions ? episode.junctions.flat() : []);
      const xs = points.map((p) => p[0]);
      const ys = points.map((p) => p[1]);
      const low = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
      const high = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
      this.box = [low(xs) - 4, low(ys) - 4, high(xs) + 4, high(ys) + 4];
      this.zoom = 1;
      this.shift = [0, 0];
      this.byId = episode.frames.map((frame) => new Map(frame.vehicles.map((one) => [one[0], one])));
      this.canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.altKey && this.zoom === 1 && event.deltaY > 0) return;
        event.preventDefault();
        const next = Math.min(40, Math.max(1, this.zoom * Math.exp(-event.deltaY * 0.002)));
        const box = this.canvas.getBoundingClientRect();
        const at = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
        this.shift = this.shift.map((value, i) => next === 1 ? 0 : at[i] - (at[i] - value) * next / this.zoom);
        this.zoom = next;
        this.draw(this.position);
      }, { passive: false });
      this.canvas.addEventListener("pointermove", (event) => {
        if (event.buttons !== 1 || this.zoom === 1) return;
        this.shift = [this.shift[0] + event.movementX, this.shift[1] + event.movementY];
        this.draw(this.position);
      });
    }
    label(position) { return `${Math.round(position * this.episode.seconds_per_frame)} s`; }
    draw(position) {
      this.position = position;
      const [x0, y0, x1, y1] = this.box;
      const shape = Math.min(1.1, Math.max(0.35, (y1 - y0) / (x1 - x0)));
      const { pen, width, height } = prepared(this.canvas, (w) => w * shape);
      const scale = Math.min(width / (x1 - x0), height / (y1 - y0)) * this.zoom;
      const mx = (x0 + x1) / 2, my = (y0 + y1) / 2;
      const X = (x) => width / 2 + (x - mx) * scale + this.shift[0];
      const Y = (y) => height / 2 - (y - my) * scale + this.shift[1];
      const path = (points) => { pen.beginPath(); points.forEach(([x, y], i) => i ? pen.lineTo(X(x), Y(y)) : pen.moveTo(X(x), Y(y))); };
      const road = faded(css("--faint"), 0.34);
      pen.lineJoin = "round";
      pen.lineCap = "butt";
      for (const one of this.episode.roads) {
        path(one.points);
        pen.strokeStyle = css("--line");
        pen.lineWidth = Math.max(1.5, (one.width || 3.2) * scale);
        pen.stroke();
      }
      pen.fillStyle = css("--line");
      for (const one of this.episode.junctions || []) { path(one); pen.closePath(); pen.fill(); }
      if (scale > 1.2) {
        pen.strokeStyle = road;
        pen.setLineDash([5, 6]);
        pen.lineWidth = 0.8;
        for (const one of this.episode.roads) { path(one.points); pen.stroke(); }
        pen.setLineDash([]);
      }
      const index = Math.min(this.frames - 1, Math.floor(position));
      const part = Math.min(1, position - index);
      const frame = this.episode.frames[index];
      const next = this.byId[Math.min(this.frames - 1, index + 1)];
      const lamps = { r: css("--bad"), y: "#e0a800", u: "#e0a800", g: css("--good"), G: css("--good") };
      pen.lineCap = "round";
      (this.episode.signals || []).forEach(([a, b], i) => {
        pen.strokeStyle = lamps[(frame.signals || "")[i]] || css("--faint");
        pen.lineWidth = Math.max(2.5, 1.3 * scale);
        path([a, b]);
        pen.stroke();
      });
      const kinds = this.episode.kinds || [{}];
      const still = css("--bad"), moving = css("--c0"), set = css("--c1");
      for (const [id, ax, ay, ah, speed, kind] of frame.vehicles) {
        let x = ax, y = ay, heading = ah;
        const then = next.get(id);
        if (then && part > 0 && Math.hypot(then[1] - ax, then[2] - ay) < 60 * this.episode.seconds_per_frame) {
          x += (then[1] - ax) * part;
          y += (then[2] - ay) * part;
          heading += ((then[3] - ah + 540) % 360 - 180) * part;
        }
        const own = kinds[kind] || {};
        const long = Math.max((own.length || 5) * scale, 4), wide = Math.max((own.width || 1.8) * scale, 2.4);
        pen.save();
        pen.translate(X(x), Y(y));
        pen.rotate(heading * Math.PI / 180);
        pen.fillStyle = own.accent ? set : speed < 0.1 ? still : moving;
        pen.beginPath();
        pen.roundRect(-wide / 2, 0, wide, long, Math.min(wide / 3, 3));
        pen.fill();
        pen.restore();
      }
    }
  }

  class Chip {
    constructor(stage, episode) {
      this.episode = episode;
      this.frames = episode.frames.length;
      this.rate = Math.max(4, this.frames / 20);
      this.speeds = [[0.25, "¼×"], [1, "1×"], [4, "4×"]];
      this.speed = 1;
      const { width, height } = episode.canvas;
      this.size = Math.max(width, height);
      this.root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "placement" });
      this.root.style.aspectRatio = `${width} / ${height}`;
      this.heat = svg("g", {});
      this.blocks = svg("g", {});
      this.wires = svg("path", { fill: "none", "stroke-width": 1, "vector-effect": "non-scaling-stroke" });
      this.root.append(this.heat, this.blocks, this.wires);
      stage.append(this.root);
      this.rects = episode.macros.map((macro) => this.block(macro.name));
      for (const one of episode.fixed || []) {
        const rect = this.block(one.name);
        this.put(rect, one.x, one.y, one.width, one.height);
        rect.dataset.fixed = "1";
      }
      for (const [x, y] of episode.pads || []) {
        this.blocks.append(svg("circle", { cx: x, cy: height - y, r: this.size / 220, class: "sg" }));
      }
      const bar = element("div", "caption");
      const choose = element("select");
      for (const [value, text] of [["nets", "nets"], ["none", "macros only"], ...(episode.maps || []).map((map, i) => [String(i), map.name])]) {
        const option = element("option", "", text);
        option.value = value;
        choose.append(option);
      }
      choose.setAttribute("aria-label", "what to show");
      choose.addEventListener("change", () => { this.show = choose.value; this.draw(this.position); });
      this.show = "nets";
      bar.append(choose);
      stage.append(bar);
    }
    block(name) {
      const rect = svg("rect", { "stroke-width": 1, "vector-effect": "non-scaling-stroke" });
      const title = svg("title", {});
      title.textContent = name;
      rect.append(title);
      this.blocks.append(rect);
      return rect;
    }
    put(rect, x, y, width, height) {
      for (const [name, value] of Object.entries({ x, y: this.episode.canvas.height - y - height, width, height })) rect.setAttribute(name, value);
    }
    turned(macro, orientation) {
      const swap = "EW".includes((orientation || "N").slice(-1));
      return swap ? [macro.height, macro.width] : [macro.width, macro.height];
    }
    pin(owner, dx, dy, places) {
      if (owner < 0) return [dx, dy];
      const place = places[owner];
      if (!place) return null;
      const { width: w, height: h } = this.episode.macros[owner];
      const turned = { N: [dx, dy], S: [w - dx, h - dy], W: [h - dy, dx], E: [dy, w - dx],
        FN: [w - dx, dy], FS: [dx, h - dy], FW: [dy, dx], FE: [h - dy, w - dx] }[place.orientation || "N"];
      return [place.x + turned[0], place.y + turned[1]];
    }
    label(position) { return `${Math.min(this.frames, Math.floor(position) + 1)} of ${this.frames}`; }
    draw(position) {
      this.position = position;
      const { episode } = this;
      const last = Math.min(this.frames - 1, Math.floor(position));
      const places = [];
      for (let i = 0; i <= last; i++) places[episode.frames[i].macro] = episode.frames[i];
      const fill = faded(css("--c0"), 0.45), edge = css("--c0"), now = css("--c1");
      episode.macros.forEach((macro, i) => {
        const rect = this.rects[i], place = places[i];
        rect.setAttribute("visibility", place ? "visible" : "hidden");
        if (!place) return;
        this.put(rect, place.x, place.y, ...this.turned(macro, place.orientation));
        const newest = last < this.frames - 1 && place === episode.frames[last];
        rect.setAttribute("fill", newest ? faded(now, 0.7) : fill);
        rect.setAttribute("stroke", newest ? now : edge);
      });
      for (const rect of this.blocks.querySelectorAll("[data-fixed]")) {
        rect.setAttribute("fill", faded(css("--grey"), 0.4));
        rect.setAttribute("stroke", css("--grey"));
      }
      const lines = [];
      if (this.show === "nets") {
        for (const net of episode.nets || []) {
          const pins = net.map(([owner, dx, dy]) => this.pin(owner, dx, dy, places)).filter(Boolean);
          if (pins.length < 2) continue;
          const x = pins.reduce((sum, one) => sum + one[0], 0) / pins.length;
          const y = pins.reduce((sum, one) => sum + one[1], 0) / pins.length;
          for (const one of pins) lines.push(`M${one[0]} ${episode.canvas.height - one[1]}L${x} ${episode.canvas.height - y}`);
        }
      }
      this.wires.setAttribute("d", lines.join(""));
      this.wires.setAttribute("stroke", faded(css("--ink"), lines.length > 400 ? 0.12 : 0.3));
      this.heatmap((episode.maps || [])[Number(this.show)]);
    }
    heatmap(map) {
      if (this.shownMap === map) return;
      this.shownMap = map;
      this.heat.replaceChildren();
      if (!map) return;
      const step = Math.ceil(Math.max(map.columns, map.rows) / 64);
      const high = map.values.reduce((a, b) => Math.max(a, b), 1e-12);
      const { width, height } = this.episode.canvas;
      const w = width / map.columns, h = height / map.rows;
      for (let row = 0; row < map.rows; row += step) {
        for (let column = 0; column < map.columns; column += step) {
          let value = 0;
          for (let r = row; r < Math.min(map.rows, row + step); r++) {
            for (let c = column; c < Math.min(map.columns, column + step); c++) value = Math.max(value, map.values[r * map.columns + c]);
          }
          if (value <= 0) continue;
          this.heat.append(svg("rect", { x: column * w, y: height - (row + step) * h, width: w * step, height: h * step,
            fill: css("--c6"), opacity: (0.75 * value / high).toFixed(3) }));
        }
      }
    }
  }

  const STOCK = [["on_hand", "on hand", "--c0"], ["pipeline", "on order", "--c5"], ["backlog", "backlog", "--bad"]];
  const FLOW = [["demand", "demand", "--c1"], ["order", "order", "--c2"], ["lost", "lost sales", "--bad"]];

  class Inventory {
    constructor(stage, episode) {
      this.episode = episode;
      this.frames = episode.periods;
      this.rate = Math.max(2, episode.periods / 20);
      this.speeds = [[0.25, "¼×"], [1, "1×"], [4, "4×"]];
      this.speed = 1;
      this.parts = episode.locations.map((location) => {
        const caption = element("p", "caption");
        const canvas = element("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `stock and orders of ${location.name}`);
        stage.append(caption, canvas);
        return { location, caption, canvas };
      });
    }
    label(position) { return `${this.episode.period || "period"} ${Math.floor(position) + 1}`; }
    draw(position) {
      const at = Math.min(this.frames - 1, Math.floor(position));
      for (const { location, caption, canvas } of this.parts) {
        caption.replaceChildren(element("strong", "", location.name));
        for (const [key, name, ink] of [...STOCK, ...FLOW]) {
          if (!(location[key] || []).length) continue;
          const word = element("span", "", `  ${name} ${figure(location[key][at])}`);
          word.style.color = css(ink);
          caption.append(word);
        }
        const { pen, width, height } = prepared(canvas, () => 170);
        this.panel(pen, location, STOCK, 0, 100, width, at, false);
        this.panel(pen, location, FLOW, 108, height - 108, width, at, true);
      }
    }
    panel(pen, location, kinds, top, height, width, at, steps) {
      const shown = kinds.filter(([key]) => (location[key] || []).length);
      const values = shown.flatMap(([key]) => location[key].filter((value) => value !== null));
      const high = values.reduce((a, b) => Math.max(a, b), 1e-9), low = values.reduce((a, b) => Math.min(a, b), 0);
      const left = 4, right = width - 4, n = this.frames;
      const X = (i) => left + (right - left) * (n === 1 ? 0.5 : i / (n - 1));
      const Y = (value) => top + 6 + (height - 12) * (1 - (value - low) / (high - low || 1));
      const warmup = this.episode.warmup || 0;
      if (warmup) { pen.fillStyle = faded(css("--faint"), 0.15); pen.fillRect(left, top, X(Math.min(warmup, n - 1)) - left, height); }
      pen.strokeStyle = css("--line");
      pen.lineWidth = 1;
      pen.beginPath(); pen.moveTo(left, Y(0)); pen.lineTo(right, Y(0)); pen.stroke();
      pen.fillStyle = css("--faint");
      pen.font = "10.5px system-ui, sans-serif";
      pen.textAlign = "right";
      pen.fillText(figure(high), right, top + 10);
      for (const [key, , ink] of shown) {
        pen.strokeStyle = css(ink);
        pen.lineWidth = 1.6;
        pen.beginPath();
        let open = false, before = 0;
        location[key].forEach((value, i) => {
          if (value === null) { open = false; return; }
          if (!open) pen.moveTo(X(i), Y(value));
          else { if (steps) pen.lineTo(X(i), Y(before)); pen.lineTo(X(i), Y(value)); }
          open = true;
          before = value;
        });
        pen.stroke();
      }
      pen.strokeStyle = faded(css("--ink"), 0.5);
      pen.lineWidth = 1;
      pen.beginPath(); pen.moveTo(X(at), top); pen.lineTo(X(at), top + height); pen.stroke();
    }
  }

  class Frames {
    constructor(stage, episode, base) {
      this.episode = episode;
      this.rate = episode.fps;
      this.speeds = [[0.25, "¼×"], [1, "1×"], [2, "2×"]];
      this.speed = 1;
      if (episode.video) {
        this.frames = 1;
        const video = element("video", "picture");
        video.controls = true;
        video.loop = true;
        video.muted = true;
        video.playsInline = true;
        video.preload = "metadata";
        video.src = base + encodeURIComponent(episode.video);
        stage.append(video);
        return;
      }
      this.frames = episode.images.length;
      this.canvas = element("canvas");
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", "rendered episode");
      stage.append(this.canvas);
      this.pictures = [];
    }
    label(position) { return `${(position / this.rate).toFixed(1)} s`; }
    picture(index) {
      if (!this.pictures[index]) {
        const bytes = Uint8Array.from(atob(this.episode.images[index]), (sign) => sign.charCodeAt(0));
        this.pictures[index] = createImageBitmap(new Blob([bytes], { type: this.episode.mime || "image/jpeg" })).catch(() => null);
      }
      return this.pictures[index];
    }
    draw(position) {
      if (!this.canvas) return;
      const index = Math.min(this.frames - 1, Math.floor(position));
      this.wanted = index;
      for (let ahead = 1; ahead < 6 && index + ahead < this.frames; ahead++) this.picture(index + ahead);
      this.picture(index).then((found) => {
        if (!found || this.wanted !== index) return;
        if (this.canvas.width !== found.width || this.canvas.height !== found.height) {
          this.canvas.width = found.width;
          this.canvas.height = found.height;
        }
        this.canvas.getContext("2d").drawImage(found, 0, 0);
      });
    }
  }

  class Spark {
    constructor(stage, series) {
      this.series = series;
      this.caption = element("p", "caption");
      this.canvas = element("canvas", "spark");
      stage.append(this.caption, this.canvas);
    }
    draw(at) {
      const { name, unit, values } = this.series;
      this.caption.textContent = `${name}${unit ? ` (${unit})` : ""}: ${figure(values[Math.min(at, values.length - 1)])}`;
      const { pen, width, height } = prepared(this.canvas, () => 54);
      const known = values.filter((value) => value !== null);
      const low = known.reduce((a, b) => Math.min(a, b), Infinity), high = known.reduce((a, b) => Math.max(a, b), -Infinity);
      const X = (i) => 3 + (width - 6) * (values.length === 1 ? 0.5 : i / (values.length - 1));
      const Y = (value) => 5 + (height - 10) * (1 - (value - low) / (high - low || 1));
      pen.strokeStyle = css("--c0");
      pen.lineWidth = 1.5;
      pen.beginPath();
      let open = false;
      values.forEach((value, i) => { if (value === null) { open = false; return; } if (open) pen.lineTo(X(i), Y(value)); else pen.moveTo(X(i), Y(value)); open = true; });
      pen.stroke();
      pen.strokeStyle = faded(css("--ink"), 0.5);
      pen.lineWidth = 1;
      pen.beginPath(); pen.moveTo(X(at), 0); pen.lineTo(X(at), height); pen.stroke();
    }
  }

  const VIEWERS = { intersection: Intersection, chip: Chip, inventory: Inventory, frames: Frames };

  function mount(host, replay, base = "") {
    const Viewer = VIEWERS[replay.viewer];
    host.replaceChildren();
    host.classList.add("replay");
    const stages = element("div", "stages");
    host.append(stages);
    const players = replay.episodes.map((episode) => {
      const stage = element("div", "stage");
      const head = element("h4", "", episode.agent);
      head.append(element("span", "", `  seed ${episode.seed}`));
      stage.append(head);
      stages.append(stage);
      const player = new Viewer(stage, episode, base);
      player.sparks = (episode.series || []).slice(0, 4).map((series) => new Spark(stage, series));
      const figures = Object.entries(episode.metrics || {}).slice(0, 8).map(([name, value]) => `${name} ${figure(value)}`);
      if (figures.length) stage.append(element("p", "figures", figures.join(" · ")));
      return player;
    });
    const frames = Math.max(...players.map((player) => player.frames));
    const first = players[0];
    const bar = element("div", "bar");
    const toggle = element("button", "", "Play");
    toggle.type = "button";
    const slider = element("input");
    Object.assign(slider, { type: "range", min: 0, max: Math.max(0, frames - 1), step: 1, value: 0 });
    slider.setAttribute("aria-label", "position");
    const clock = element("span");
    const speeds = element("select");
    speeds.setAttribute("aria-label", "speed");
    for (const [value, text] of first.speeds) {
      const option = element("option", "", text);
      option.value = value;
      option.selected = value === first.speed;
      speeds.append(option);
    }
    bar.append(toggle, slider, clock, speeds);
    if (frames > 1) host.append(bar);
    let position = 0, playing = false, before = 0;
    const show = () => {
      for (const player of players) {
        const own = Math.min(position, player.frames - 1);
        player.draw(own);
        for (const spark of player.sparks) spark.draw(Math.floor(own));
      }
      slider.value = String(Math.floor(position));
      clock.textContent = first.label(position);
    };
    const tick = (now) => {
      if (!playing || !host.isConnected) { playing = false; return; }
      position += Math.min(0.25, (now - before) / 1000) * first.rate * Number(speeds.value);
      before = now;
      if (position >= frames - 1) { position = frames - 1; stop(); }
      show();
      if (playing) requestAnimationFrame(tick);
    };
    const stop = () => { playing = false; toggle.textContent = "Play"; };
    toggle.addEventListener("click", () => {
      if (playing) { stop(); return; }
      if (position >= frames - 1) position = 0;
      playing = true;
      toggle.textContent = "Pause";
      before = performance.now();
      requestAnimationFrame(tick);
    });
    slider.addEventListener("input", () => { stop(); position = Number(slider.value); show(); });
    if (replay.viewer === "chip" || replay.viewer === "inventory") position = frames - 1;
    show();
    new ResizeObserver(show).observe(stages);
    document.addEventListener("sandbox-theme", () => { if (host.isConnected) show(); });
  }

  return { mount };
})();
