/* Draws the scenes and pictures of replays (docs/reference/replay.md): static shapes, things that move,
   rendered frames. It knows no domain. Text from outside is only ever set as text. */
"use strict";
const sandboxScene = (() => {
  const { css, element } = sandboxCharts;
  const VARIABLES = { ink: "--ink", soft: "--soft", faint: "--faint", line: "--line", good: "--good", bad: "--bad",
    warn: "--warn", grey: "--grey", blue: "--c0", orange: "--c1", green: "--c2", purple: "--c3", yellow: "--c4",
    cyan: "--c5", pink: "--c6", olive: "--c7" };
  const cache = new Map();
  document.addEventListener("sandbox-theme", () => cache.clear());
  const cached = (key, make) => {
    if (!cache.has(key)) cache.set(key, make());
    return cache.get(key);
  };
  /* Red, green and blue of a named colour in the present scheme. */
  const rgb = (name) => cached(name, () => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.fillStyle = css(VARIABLES[name] || "--ink");
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  });
  const colour = (name, opacity = 1) => `rgba(${rgb(name).join(",")},${opacity})`;

  /* Where a value lies between the first and the last of some colours, in 48 steps. */
  function between(kind, value) {
    const [low, high] = kind.limits;
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    const step = Math.round(share * 48);
    return cached(`${kind.colours.join()} ${step} ${kind.opacity}`, () => {
      const place = step / 48 * (kind.colours.length - 1);
      const first = Math.min(Math.floor(place), kind.colours.length - 2);
      const [a, b] = [rgb(kind.colours[first]), rgb(kind.colours[first + 1])];
      return `rgba(${a.map((part, i) => Math.round(part + (b[i] - part) * (place - first))).join(",")},${kind.opacity ?? 1})`;
    });
  }

  /* A column of numbers: a list, or packed little-endian integers of which the lowest stands for none. */
  function column(stored) {
    if (!stored) return null;
    if (Array.isArray(stored)) return Float64Array.from(stored, (value) => value === null ? NaN : value);
    const text = atob(stored.data);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const view = new DataView(bytes.buffer);
    const size = { int8: 1, int16: 2, int32: 4 }[stored.type];
    const read = { 1: (at) => view.getInt8(at), 2: (at) => view.getInt16(at, true), 4: (at) => view.getInt32(at, true) }[size];
    const { scale = 1, shift = 0 } = stored;
    const none = -(2 ** (8 * size - 1));
    const values = new Float64Array(text.length / size);
    for (let i = 0; i < values.length; i++) {
      const number = read(i * size);
      values[i] = number === none ? NaN : shift + scale * number;
    }
    return values;
  }

  /* Things that move: which rows a frame shows, and how each looks. */
  class Things {
    constructor(stored) {
      Object.assign(this, { kinds: stored.kinds, names: stored.names || [], layer: stored.layer || "", keep: Boolean(stored.keep),
        smooth: stored.smooth !== false && !stored.keep, jump: stored.jump || Infinity });
      for (const name of ["ids", "x", "y", "kind", "angle", "length", "width", "value"]) this[name] = column(stored[name]);
      this.start = [0];
      for (const count of column(stored.counts)) this.start.push(this.start[this.start.length - 1] + count);
      if (this.keep) this.index();
    }
    index() {
      this.changes = new Map();
      for (let frame = 0; frame + 1 < this.start.length; frame++) {
        for (let row = this.start[frame]; row < this.start[frame + 1]; row++) {
          const id = this.ids[row];
          if (!this.changes.has(id)) this.changes.set(id, []);
          this.changes.get(id).push([frame, row]);
        }
      }
    }
    rows(frame) {
      const rows = [];
      if (!this.keep) {
        for (let row = this.start[frame]; row < this.start[frame + 1]; row++) rows.push(row);
        return rows;
      }
      for (const changes of this.changes.values()) {
        let low = 0, high = changes.length;
        while (low < high) { const middle = (low + high) >> 1; if (changes[middle][0] <= frame) low = middle + 1; else high = middle; }
        if (low > 0) rows.push(changes[low - 1][1]);
      }
      return rows;
    }
    next(frame) {
      if (this.nextOf !== frame) {
        this.nextOf = frame;
        this.nextRows = new Map();
        for (let row = this.start[frame + 1]; row < this.start[frame + 2]; row++) this.nextRows.set(this.ids[row], row);
      }
      return this.nextRows;
    }
    /* Place, angle and size of a row, moved towards the next frame by a share of the way. */
    at(row, frame, share) {
      const kind = this.kinds[this.kind ? this.kind[row] : 0];
      let x = this.x[row], y = this.y[row], angle = this.angle ? this.angle[row] : 0;
      const later = share > 0 && this.smooth ? this.next(frame).get(this.ids[row]) : undefined;
      if (later !== undefined && Math.hypot(this.x[later] - x, this.y[later] - y) <= this.jump) {
        x += (this.x[later] - x) * share;
        y += (this.y[later] - y) * share;
        if (this.angle) angle += ((this.angle[later] - angle) % 360 + 540) % 360 * share - 180 * share;
      }
      const length = this.length ? this.length[row] : kind.length || 1;
      const width = kind.shape === "circle" ? length : this.width ? this.width[row] : kind.width || 1;
      return { kind, x, y, angle: angle * Math.PI / 180, length, width };
    }
    ink(row, kind) {
      const value = this.value ? this.value[row] : NaN;
      if (!(kind.colours || []).length || isNaN(value)) return colour(kind.colour || "blue", kind.opacity ?? 1);
      return kind.limits ? between(kind, value) : colour(kind.colours[value], kind.opacity ?? 1);
    }
  }

  /* All places of a scene, to find out what it spans. */
  function bounds(scene, groups) {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    const add = (x, y) => { x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y); };
    for (const shape of scene.shapes || []) {
      for (const [x, y] of [...(shape.paths || []).flat(), ...(shape.points || []), ...(shape.centres || [])]) add(x, y);
      for (const [x, y, w, h] of shape.boxes || (shape.box ? [shape.box] : [])) { add(x, y); add(x + w, y + h); }
    }
    for (const group of groups) {
      for (let row = 0; row < group.ids.length; row++) {
        const { x, y, length, width, kind } = group.at(row, 0, 0);
        const far = Math.max(length, width);
        if (kind.anchor === "corner") { add(x, y); add(x + length, y + width); } else { add(x - far / 2, y - far / 2); add(x + far / 2, y + far / 2); }
      }
    }
    if (x0 > x1) return [0, 0, 1, 1];
    const margin = 0.02 * Math.max(x1 - x0, y1 - y0) || 0.5;
    return [x0 - margin, y0 - margin, x1 - x0 + 2 * margin, y1 - y0 + 2 * margin];
  }

  function visible(shape, item, frame) { return !(shape.since || []).length || shape.since[item] <= frame; }

  /* Draws static shapes; X and Y give pixels, scale is pixels per unit. */
  const PAINTERS = {
    lines(pen, shape, { X, Y, scale }, frame) {
      pen.strokeStyle = colour(shape.line || "ink", shape.opacity ?? 1);
      pen.lineWidth = Math.max((shape.width || 0) * scale, shape.pixels ?? 1);
      pen.lineJoin = "round";
      pen.setLineDash(shape.dash ? [5, 6] : []);
      pen.beginPath();
      shape.paths.forEach((path, item) => {
        if (!visible(shape, item, frame)) return;
        path.forEach(([x, y], i) => i ? pen.lineTo(X(x), Y(y)) : pen.moveTo(X(x), Y(y)));
      });
      pen.stroke();
      pen.setLineDash([]);
    },
    polygons(pen, shape, { X, Y }, frame) {
      pen.beginPath();
      shape.paths.forEach((path, item) => {
        if (!visible(shape, item, frame)) return;
        path.forEach(([x, y], i) => i ? pen.lineTo(X(x), Y(y)) : pen.moveTo(X(x), Y(y)));
        pen.closePath();
      });
      inked(pen, shape);
    },
    rectangles(pen, shape, { X, Y, scale }, frame) {
      pen.beginPath();
      shape.boxes.forEach(([x, y, w, h], item) => { if (visible(shape, item, frame)) pen.rect(X(x), Y(y + h), w * scale, h * scale); });
      inked(pen, shape);
      (shape.names || []).forEach((name, item) => {
        const [x, y, w, h] = shape.boxes[item];
        if (visible(shape, item, frame)) written(pen, name, X(x + w / 2), Y(y + h / 2), w * scale, h * scale);
      });
    },
    circles(pen, shape, { X, Y, scale }, frame) {
      const radius = Math.max((shape.radius || 0) * scale, shape.pixels ?? 2);
      pen.beginPath();
      shape.centres.forEach(([x, y], item) => {
        if (!visible(shape, item, frame)) return;
        pen.moveTo(X(x) + radius, Y(y));
        pen.arc(X(x), Y(y), radius, 0, 2 * Math.PI);
      });
      inked(pen, shape);
    },
    labels(pen, shape, { X, Y, scale }, frame) {
      pen.fillStyle = colour(shape.fill || "ink", shape.opacity ?? 1);
      pen.font = `${Math.max((shape.height || 0) * scale, shape.pixels ?? 11)}px system-ui, sans-serif`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      shape.points.forEach(([x, y], item) => { if (visible(shape, item, frame)) pen.fillText(shape.texts[item], X(x), Y(y)); });
    },
    grid(pen, shape, { X, Y, scale }, frame) {
      if (!visible(shape, 0, frame)) return;
      const values = shape.decoded || (shape.decoded = column(shape.values));
      const [low, high] = shape.limits || [0, values.reduce((a, b) => b > a ? b : a, 0)];
      const [x, y, width, height] = shape.box;
      const w = width / shape.columns, h = height / shape.rows;
      for (let row = 0; row < shape.rows; row++) {
        for (let place = 0; place < shape.columns; place++) {
          const share = Math.min(1, (values[row * shape.columns + place] - low) / (high - low));
          if (!(share > 0)) continue;
          pen.fillStyle = colour(shape.fill || "pink", (share * (shape.opacity ?? 1)).toFixed(3));
          pen.fillRect(X(x + place * w), Y(y + (row + 1) * h), w * scale + 0.4, h * scale + 0.4);
        }
      }
    },
  };
  function inked(pen, shape) {
    pen.lineWidth = 1;
    if (shape.fill) { pen.fillStyle = colour(shape.fill, shape.opacity ?? 1); pen.fill(); }
    if (shape.line) { pen.strokeStyle = colour(shape.line, shape.opacity ?? 1); pen.stroke(); }
  }
  /* A name inside a box, upright where it is narrow, where there is room. */
  function written(pen, name, x, y, width, height) {
    const size = Math.min(12, Math.max(9, Math.min(width, height) * 0.35));
    if (Math.min(width, height) < size + 2) return;
    pen.font = `${size}px system-ui, sans-serif`;
    const long = pen.measureText(name).width + 6;
    const upright = long > width;
    if (long > (upright ? height : width)) return;
    pen.save();
    pen.translate(x, y);
    if (upright) pen.rotate(-Math.PI / 2);
    pen.fillStyle = colour("ink");
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(name, 0, 0);
    pen.restore();
  }

  class Scene {
    constructor(stage, scene, room) {
      this.scene = scene;
      this.room = room;
      this.groups = (scene.things || []).map((stored) => new Things(stored));
      this.home = scene.view || bounds(scene, this.groups);
      this.hidden = new Set(scene.hidden || []);
      Object.assign(this, { zoom: 1, shift: [0, 0], frame: 0, share: 0, version: 0 });
      this.canvas = element("canvas");
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", scene.title || "scene");
      this.ground = document.createElement("canvas");
      this.tip = element("span", "tip");
      this.tip.hidden = true;
      const frame = element("div", "canvas");
      frame.append(this.canvas, this.tip);
      stage.append(frame);
      const below = element("div", "keys");
      for (const { colour: name, text } of scene.legend || []) below.append(this.key(name, text));
      const layers = [...new Set([...(scene.shapes || []), ...this.groups].map((part) => part.layer || "").filter(Boolean))];
      for (const layer of layers) below.append(this.toggle(layer));
      below.append(this.tools());
      stage.append(below);
      this.listen();
    }
    key(name, text) {
      const key = element("span", "key");
      const dot = element("span", "swatch");
      dot.style.background = `var(${VARIABLES[name]})`;
      key.append(dot, document.createTextNode(text));
      return key;
    }
    toggle(layer) {
      const label = element("label");
      const box = element("input");
      Object.assign(box, { type: "checkbox", checked: !this.hidden.has(layer) });
      box.addEventListener("change", () => {
        if (box.checked) this.hidden.delete(layer); else this.hidden.add(layer);
        this.changed();
      });
      label.append(box, document.createTextNode(layer));
      return label;
    }
    tools() {
      const tools = element("span", "zoom");
      const add = (text, says, act) => {
        const button = element("button", "", text);
        Object.assign(button, { type: "button", title: says });
        button.setAttribute("aria-label", says);
        button.addEventListener("click", act);
        tools.append(button);
      };
      add("+", "zoom in", () => this.zoomed(1.6));
      add("−", "zoom out", () => this.zoomed(1 / 1.6));
      add("⤢", "fit", () => { this.zoom = 1; this.shift = [0, 0]; this.changed(); });
      return tools;
    }
    listen() {
      // A wheel alone scrolls the page; with Ctrl (and for the gesture of a touchpad) it zooms.
      this.canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const box = this.canvas.getBoundingClientRect();
        this.zoomed(Math.exp(-event.deltaY * 0.005), [event.clientX - box.left - box.width / 2, event.clientY - box.top - (box.height - (this.scene.scale ? 24 : 0)) / 2]);
      }, { passive: false });
      this.canvas.addEventListener("pointermove", (event) => {
        if (event.buttons === 1 && this.zoom !== 1) {
          this.shift = [this.shift[0] + event.movementX, this.shift[1] + event.movementY];
          this.changed();
        } else this.point(event.offsetX, event.offsetY);
      });
      this.canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    }
    zoomed(factor, at = [0, 0]) {
      const next = Math.min(60, Math.max(0.2, this.zoom * factor));
      this.shift = this.shift.map((value, i) => at[i] - (at[i] - value) * next / this.zoom);
      this.zoom = next;
      this.canvas.style.touchAction = next === 1 ? "" : "none";
      this.changed();
    }
    changed() { this.version++; this.draw(this.frame, this.share); }

    /* The canvas as large as there is room for, and how places become pixels. */
    fit() {
      const width = this.canvas.clientWidth || 300;
      const foot = this.scene.scale ? 24 : 0;  // room for the bar of the scale
      const height = Math.round(Math.min(Math.max(width * this.home[3] / this.home[2] + foot, 140), this.room()));
      const dense = Math.min(window.devicePixelRatio || 1, 2);
      const [w, h] = [Math.round(width * dense), Math.round(height * dense)];
      if (this.canvas.width !== w || this.canvas.height !== h) {
        for (const canvas of [this.canvas, this.ground]) Object.assign(canvas, { width: w, height: h });
        this.canvas.style.height = `${height}px`;
        this.version++;
      }
      const [x, y, across, up] = this.home;
      const scale = Math.min(width / across, (height - foot) / up) * this.zoom;
      return { width, height, dense, scale,
        X: (value) => width / 2 + (value - x - across / 2) * scale + this.shift[0],
        Y: (value) => (height - foot) / 2 - (value - y - up / 2) * scale + this.shift[1] };
    }
    shapes(moving) {
      return (this.scene.shapes || []).filter((shape) => !this.hidden.has(shape.layer || "") && Boolean((shape.since || []).length) === moving);
    }
    draw(frame, share) {
      Object.assign(this, { frame, share });
      const place = this.place = this.fit();
      const pen = this.canvas.getContext("2d");
      if (this.drawn !== this.version) {
        const under = this.ground.getContext("2d");
        under.setTransform(place.dense, 0, 0, place.dense, 0, 0);
        under.clearRect(0, 0, place.width, place.height);
        for (const shape of this.shapes(false)) PAINTERS[shape.kind](under, shape, place, Infinity);
        this.drawn = this.version;
      }
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
      pen.drawImage(this.ground, 0, 0);
      pen.setTransform(place.dense, 0, 0, place.dense, 0, 0);
      for (const group of this.groups) {
        if (this.hidden.has(group.layer)) continue;
        for (const row of group.rows(frame)) this.thing(pen, group, row, group.at(row, frame, share), place);
      }
      for (const shape of this.shapes(true)) PAINTERS[shape.kind](pen, shape, place, frame);
      if (this.scene.scale) this.ruler(pen, place);
    }
    thing(pen, group, row, { kind, x, y, angle, length, width }, { X, Y, scale }) {
      const enlarged = Math.max(1, (kind.pixels || 0) / (Math.max(length, width) * scale));
      const long = Math.max(length * scale * enlarged, 1), wide = Math.max(width * scale * enlarged, 1);
      const [left, top] = kind.anchor === "front" ? [-long, -wide / 2] : kind.anchor === "corner" ? [0, -wide] : [-long / 2, -wide / 2];
      pen.save();
      pen.translate(X(x), Y(y));
      pen.rotate(-angle);
      pen.fillStyle = group.ink(row, kind);
      pen.beginPath();
      if (kind.shape === "circle") pen.arc(left + long / 2, top + wide / 2, long / 2, 0, 2 * Math.PI);
      else if (kind.shape === "triangle") { pen.moveTo(left + long, top + wide / 2); pen.lineTo(left, top); pen.lineTo(left, top + wide); pen.closePath(); }
      else if (kind.shape === "polygon") { kind.outline.forEach(([px, py], i) => i ? pen.lineTo(px * long, -py * wide) : pen.moveTo(px * long, -py * wide)); pen.closePath(); }
      else if (kind.anchor === "corner") pen.rect(left, top, long, wide);
      else pen.roundRect(left, top, long, wide, Math.min(wide / 3, long / 3, 3));
      pen.fill();
      if (kind.line) { pen.strokeStyle = colour(kind.line); pen.lineWidth = 1; pen.stroke(); }
      pen.restore();
      if (kind.labels && group.names[group.ids[row]]) {
        written(pen, group.names[group.ids[row]], X(x) + (left + long / 2), Y(y) + top + wide / 2, long, wide);
      }
    }
    /* A bar of a round length. */
    ruler(pen, { height, scale }) {
      const rough = 110 / scale;
      const power = 10 ** Math.floor(Math.log10(rough));
      const round = [5, 2, 1].find((factor) => factor * power <= rough) * power;
      const y = height - 7;
      pen.strokeStyle = colour("soft");
      pen.fillStyle = colour("soft");
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(10, y - 4); pen.lineTo(10, y); pen.lineTo(10 + round * scale, y); pen.lineTo(10 + round * scale, y - 4);
      pen.stroke();
      pen.font = "11px system-ui, sans-serif";
      pen.textAlign = "left";
      pen.textBaseline = "bottom";
      pen.fillText(`${round.toLocaleString("en-US")} ${this.scene.unit || ""}`, 14, y - 3);
    }
    /* Names what is under the pointer. */
    point(px, py) {
      if (!this.place) return;
      const name = this.nameAt(px, py);
      this.tip.hidden = !name;
      if (name) this.tip.textContent = name;
    }
    nameAt(px, py) {
      const { X, Y, scale } = this.place;
      for (const group of [...this.groups].reverse()) {
        if (!group.names.length || this.hidden.has(group.layer)) continue;
        for (const row of group.rows(this.frame).reverse()) {
          const { kind, x, y, angle, length, width } = group.at(row, this.frame, this.share);
          const [dx, dy] = [(px - X(x)) / scale, (Y(y) - py) / scale];
          let along = dx * Math.cos(angle) + dy * Math.sin(angle), across = dy * Math.cos(angle) - dx * Math.sin(angle);
          if (kind.anchor !== "corner") { along += kind.anchor === "front" ? length : length / 2; across += width / 2; }
          if (along >= 0 && along <= length && across >= 0 && across <= width) return group.names[group.ids[row]];
        }
      }
      for (const shape of [...(this.scene.shapes || [])].reverse()) {
        if (!(shape.names || []).length || this.hidden.has(shape.layer || "")) continue;
        const item = (shape.boxes || []).findIndex(([x, y, w, h]) => px >= X(x) && px <= X(x + w) && py <= Y(y) && py >= Y(y + h));
        const near = item >= 0 ? item : (shape.centres || []).findIndex(([x, y]) => Math.hypot(px - X(x), py - Y(y)) <= Math.max((shape.radius || 0) * scale, 5));
        const inside = near >= 0 ? near : shape.kind === "polygons" ? this.polygonAt(shape, px, py) : -1;
        if (inside >= 0) return shape.names[inside];
      }
      return "";
    }
    polygonAt(shape, px, py) {
      const { X, Y } = this.place;
      return shape.paths.findIndex((path) => {
        const trace = new Path2D();
        path.forEach(([x, y], i) => i ? trace.lineTo(X(x), Y(y)) : trace.moveTo(X(x), Y(y)));
        const pen = this.ground.getContext("2d");
        return pen.isPointInPath(trace, px * this.place.dense, py * this.place.dense);
      });
    }
  }

  class Pictures {
    constructor(stage, pictures, base, room) {
      this.pictures = pictures;
      this.room = room;
      const frame = element("div", "canvas");
      stage.append(frame);
      if (pictures.video) {
        const video = element("video", "picture");
        Object.assign(video, { controls: true, loop: true, muted: true, playsInline: true, preload: "metadata", src: base + encodeURIComponent(pictures.video) });
        frame.append(video);
        return;
      }
      this.canvas = element("canvas", "shot");
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", "rendered episode");
      frame.append(this.canvas);
      this.loaded = new Map();
    }
    picture(index) {
      if (!this.loaded.has(index)) {
        if (this.loaded.size > 64) this.loaded.delete(this.loaded.keys().next().value);
        const made = Promise.resolve().then(() => {
          const bytes = Uint8Array.from(atob(this.pictures.images[index]), (sign) => sign.charCodeAt(0));
          return createImageBitmap(new Blob([bytes], { type: this.pictures.mime || "image/jpeg" }));
        }).catch(() => null);
        this.loaded.set(index, made);
      }
      return this.loaded.get(index);
    }
    draw(frame) {
      if (!this.canvas) return;
      this.wanted = frame;
      for (let ahead = 1; ahead < 6 && frame + ahead < this.pictures.images.length; ahead++) this.picture(frame + ahead);
      this.picture(frame).then((picture) => {
        if (!picture || this.wanted !== frame) return;
        if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
          Object.assign(this.canvas, { width: picture.width, height: picture.height });
        }
        const room = Math.min(this.canvas.parentNode.clientWidth, this.room() * picture.width / picture.height, 2 * picture.width);
        this.canvas.style.width = `${Math.floor(room)}px`;
        this.canvas.getContext("2d").drawImage(picture, 0, 0);
      });
    }
  }

  return { Scene, Pictures, column, colour, VARIABLES };
})();
