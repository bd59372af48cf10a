/* The page over a runs directory. Everything that comes from files is set as text, never as markup. */
"use strict";
(() => {
  const { Chart, sortable, figure, element, theme } = sandboxCharts;
  const byId = (id) => document.getElementById(id);
  const state = { index: { runs: [], grids: [] }, chosen: [], grid: null, loaded: new Map(), figure: "", stream: null, charts: [] };
  theme(byId("theme"));

  async function get(path, parameters) {
    const query = new URLSearchParams(parameters);
    const answer = await fetch(`${path}?${query}`, { headers: { accept: "application/json" } });
    const document_ = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
    if (!answer.ok) throw new Error(document_.error || `The server answered ${answer.status}.`);
    return document_;
  }

  /* What is looked at lives in the address, so that it can be kept and reloaded. */
  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    state.chosen = given.getAll("run");
    state.grid = given.get("grid");
    state.figure = given.get("figure") || "";
  }
  function writeAddress() {
    const next = new URLSearchParams();
    for (const id of state.chosen) next.append("run", id);
    if (state.grid) next.set("grid", state.grid);
    if (state.figure) next.set("figure", state.figure);
    const text = next.toString();
    if (location.hash.slice(1) !== text) history.pushState(null, "", text ? `#${text}` : location.pathname);
  }

  /* ---- the list ---- */
  const shortName = (run) => `${run.algorithm}, seed ${run.seed === undefined ? "?" : run.seed}`;
  const colourOf = (id) => state.chosen.indexOf(id) % 8;
  function dot(index) { return element("span", `dot ${index < 0 ? "kg" : `k${index}`}`); }
  function badge(status) { const made = element("span", "badge", status); if (/^[a-z]+$/.test(status)) made.classList.add(status); return made; }
  const valueText = (run) => run.value === null || run.value === undefined ? "" : `${figure(run.value)}${run.metric && !["", "1"].includes(run.metric.unit) ? ` ${run.metric.unit}` : ""}`;

  function fits(run) {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = `${run.id} ${run.title || ""} ${run.status} ${run.started || ""}`.toLowerCase();
    const scenario = byId("scenario").value, status = byId("status").value;
    return words.every((word) => text.includes(word)) && (!scenario || run.scenario === scenario) && (!status || run.status === status);
  }

  function options(select, values) {
    const before = select.value;
    while (select.options.length > 1) select.remove(1);
    for (const value of [...new Set(values)].sort()) {
      const option = element("option", "", value);
      option.value = value;
      select.append(option);
    }
    select.value = before;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }

  function showList() {
    const { runs, grids } = state.index;
    byId("root").textContent = state.index.root || "";
    options(byId("scenario"), runs.map((run) => run.scenario));
    options(byId("status"), runs.map((run) => run.status));
    const list = byId("runs");
    list.replaceChildren();
    const groups = new Map();
    for (const run of runs.filter(fits)) {
      if (!groups.has(run.scenario)) groups.set(run.scenario, []);
      groups.get(run.scenario).push(run);
    }
    for (const [scenario, own] of groups) {
      list.append(element("div", "group", scenario));
      for (const run of own) list.append(item(run));
    }
    if (!runs.length) list.append(element("p", "empty", "No runs yet. They appear here by themselves: sandbox run SCENARIO --algo ALGORITHM"));
    else if (!groups.size) list.append(element("p", "empty", "No run fits the filter."));
    const sets = byId("grids");
    sets.replaceChildren();
    if (grids.length) sets.append(element("div", "group", "Comparisons"));
    for (const grid of grids) {
      const row = element("div", `item${state.grid === grid.id ? " chosen" : ""}`);
      const name = element("button", "", grid.title);
      name.type = "button";
      row.append(element("span"), name, grid.status === "complete" ? element("span", "value", `${grid.cells} cells`) : badge(grid.status));
      row.addEventListener("click", () => { state.grid = grid.id; state.chosen = []; changed(); });
      sets.append(row);
    }
  }

  function item(run) {
    const chosen = state.chosen.includes(run.id);
    const row = element("div", `item${chosen ? " chosen" : ""}`);
    row.dataset.run = run.id;
    const box = element("input");
    box.type = "checkbox";
    box.checked = chosen;
    box.setAttribute("aria-label", `compare ${run.id}`);
    box.addEventListener("click", (event) => { event.stopPropagation(); toggle(run.id); });
    const name = element("button", "label");
    name.type = "button";
    name.title = run.id;
    if (chosen) name.append(dot(colourOf(run.id)));
    name.append(document.createTextNode(shortName(run)), element("span", "soft small", String(run.started || "").slice(5, 16).replace("T", " ")));
    const value = run.status === "done" && valueText(run) ? element("span", `value ${["better", "worse"].includes(run.verdict) ? run.verdict : ""}`, valueText(run)) : badge(run.status);
    row.append(box, name, value);
    if (run.status === "running" && run.steps) {
      const track = element("div", "track");
      const bar = element("i");
      bar.style.width = `${Math.min(100, 100 * run.steps_done / run.steps)}%`;
      track.append(bar);
      row.append(track);
    }
    row.addEventListener("click", () => { state.chosen = [run.id]; state.grid = null; changed(); });
    return row;
  }

  function toggle(id) {
    state.grid = null;
    state.chosen = state.chosen.includes(id) ? state.chosen.filter((one) => one !== id) : [...state.chosen, id];
    changed();
  }

  /* ---- what is looked at ---- */
  function changed() { writeAddress(); showList(); showMain(); }

  async function showMain() {
    const main = byId("main");
    const wanted = `${state.grid}|${state.chosen.join("|")}`;
    state.wanted = wanted;
    try {
      if (state.grid) {
        const grid = await get("/api/grid", { id: state.grid });
        if (state.wanted === wanted) { showGrid(main, grid); listen(); }
      } else if (state.chosen.length) {
        const runs = await Promise.all(state.chosen.map((id) => get("/api/run", { id }).catch((error) => ({ id, broken: error.message }))));
        if (state.wanted !== wanted) return;
        state.loaded = new Map(runs.filter((run) => !run.broken).map((run) => [run.id, run]));
        showRuns(main, runs);
        listen();
      } else {
        state.loaded = new Map();
        showOverview(main);
        listen();
      }
    } catch (error) {
      main.replaceChildren(element("h1", "", "This cannot be shown"), element("p", "notes", error.message));
      listen();
    }
  }

  function table(head, rows, cls = "") {
    const box = element("div", "scroll");
    const made = element("table", `sortable ${cls}`);
    const line = made.createTHead().insertRow();
    for (const name of head) line.append(element("th", "", name));
    const body = made.createTBody();
    for (const cells of rows) {
      const row = body.insertRow();
      for (const cell of cells) {
        const made_ = row.insertCell();
        if (typeof cell === "number" || cell === null || cell === undefined) {
          made_.textContent = figure(cell);
          made_.dataset.value = cell === null || cell === undefined ? "" : String(cell);
        } else if (cell instanceof Node) made_.append(cell);
        else made_.textContent = cell;
      }
    }
    sortable(made);
    box.append(made);
    return box;
  }
  const whole = (value) => { const made = element("span", "", value === null || value === undefined ? "–" : Number(value).toLocaleString("en-US")); return made; };

  function showOverview(main) {
    const runs = state.index.runs;
    main.replaceChildren(element("h1", "", "Runs"));
    const going = runs.filter((run) => run.status === "running").length;
    main.append(element("p", "soft", `${runs.length} ${runs.length === 1 ? "run" : "runs"}, ${going} training now. Choose one, or tick several to see them side by side.`));
    if (!runs.length) return;
    main.append(table(["scenario", "agent", "seed", "status", "steps", "test metric", "against best baseline", "started"], runs.slice(0, 500).map((run) => {
      const link = element("a", "", run.scenario);
      link.href = `#${new URLSearchParams({ run: run.id })}`;
      const value = element("span", "", valueText(run) ? `${run.metric.name} ${valueText(run)}` : "–");
      return [link, run.algorithm, run.seed === undefined ? null : whole(run.seed), badge(run.status), whole(run.steps_done), value,
        run.verdict ? badge(run.verdict) : "", String(run.started || "").slice(5, 16).replace("T", " ")];
    })));
  }

  function figures(runs) {
    const names = new Set();
    for (const run of runs) for (const name of Object.keys(run.curves)) names.add(name);
    return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  }
  const rank = (name) => name === "return" ? 0 : name.startsWith("validation/") ? 1 : name.startsWith("metric/") ? 2 : name.startsWith("term/") ? 3 : 4;
  const label = (run, many) => many ? `${run.scenario === state.commonScenario ? "" : `${run.scenario} `}${shortName(run)}` : "";

  function metricChart(runs) {
    const series = [];
    const many = runs.length > 1;
    runs.forEach((run) => {
      const metric = run.metric.name, colour = colourOf(run.id);
      const name = (what) => many ? `${label(run, many)}, ${what}` : what;
      const training = run.curves[`metric/${metric}`];
      if (training) series.push({ name: name("training"), ...training, colour, pale: true });
      const validation = run.curves[`validation/metric/${metric}`];
      if (validation) series.push({ name: name("validation"), ...validation, colour, points: true });
    });
    const first = runs[0];
    const best = first.evaluation && first.evaluation.best_baseline;
    const lines = best && first.evaluation.agents[best] ? [{ name: `${best} (test)`, value: first.evaluation.agents[best].mean }] : [];
    const values = series.flatMap((one) => one.y).concat(lines.map((one) => one.value));
    const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const { name, unit, better } = first.metric;
    return { x: { label: "steps" }, y: { label: `${name}${["", "1"].includes(unit) ? "" : ` (${unit})`}${better ? `, ${better} is better` : ""}`, log: low > 0 && high > 20 * low }, series, lines };
  }

  function figureChart(runs, name) {
    const series = runs.filter((run) => run.curves[name]).map((run) => ({ name: runs.length > 1 ? label(run, true) : name, ...run.curves[name], colour: colourOf(run.id), points: name.startsWith("validation/") }));
    return { x: { label: "steps" }, y: { label: name }, series, lines: [], height: 260 };
  }

  function termsChart(run) {
    const weights = run.record.reward || {};
    const series = Object.keys(run.curves).filter((name) => name.startsWith("term/")).map((name) => [name.slice(5), run.curves[name]])
      .filter(([name]) => weights[name] !== 0)
      .map(([name, curve], i) => ({ name, x: curve.x, y: curve.y.map((value) => value * (typeof weights[name] === "number" ? weights[name] : 1)), colour: i % 8 }));
    if (series.length > 1 && run.curves.return) series.push({ name: "return", ...run.curves.return, colour: -1, dash: true });
    return { x: { label: "steps" }, y: { label: "weight × term, sum of an episode" }, series, lines: [], height: 260 };
  }

  function chart(host, make) {
    const own = { chart: new Chart(host, make()), make };
    state.charts.push(own);
    return host;
  }
  const heading = (text) => element("h2", "", text);

  function showRuns(main, all) {
    state.charts = [];
    main.replaceChildren();
    const runs = all.filter((run) => !run.broken);
    for (const run of all.filter((one) => one.broken)) main.append(element("p", "notes", `${run.id}: ${run.broken}`));
    if (!runs.length) return;
    state.commonScenario = runs.every((run) => run.scenario === runs[0].scenario) ? runs[0].scenario : null;
    const one = runs.length === 1 ? runs[0] : null;
    const top = element("div", "top");
    top.append(element("h1", "", one ? `${shortName(one)} on ${one.scenario}` : `${runs.length} runs side by side`));
    const link = element("a", "small", "Report");
    link.href = `/report?${new URLSearchParams(runs.map((run) => ["run", run.id]))}`;
    link.target = "_blank";
    link.rel = "noopener";
    top.append(link);
    main.append(top);
    const list = element("ul", "chosenlist");
    for (const run of runs) {
      const entry = element("li");
      entry.append(dot(colourOf(run.id)), document.createTextNode(one ? "" : `${run.scenario} ${shortName(run)} `), badge(run.status));
      const progress = element("span", "soft small");
      progress.dataset.progress = run.id;
      entry.append(progress);
      if (run.error) entry.append(element("span", "soft small", ` ${run.error}`));
      list.append(entry);
    }
    main.append(list);
    runs.forEach(showProgress);
    if (one && one.title) main.append(element("p", "soft", one.title));
    main.append(heading("Learning"), chart(element("div", "chart"), () => metricChart(runs)));

    const names = figures(runs);
    if (names.length) {
      if (!names.includes(state.figure)) state.figure = names[0];
      const bar = element("div", "row");
      const choose = element("select");
      choose.id = "figure";
      choose.setAttribute("aria-label", "figure");
      for (const name of names) { const option = element("option", "", name); option.value = name; choose.append(option); }
      choose.value = state.figure;
      bar.append(heading("Figures"), choose);
      const host = element("div", "chart");
      main.append(bar, chart(host, () => figureChart(runs, state.figure)));
      choose.addEventListener("change", () => { state.figure = choose.value; writeAddress(); refresh(); });
    }
    if (one && Object.keys(one.curves).some((name) => name.startsWith("term/"))) {
      main.append(heading("What the reward was made of"), chart(element("div", "chart"), () => termsChart(one)));
    }
    const results = resultRows(runs);
    if (results.length) main.append(heading("Test episodes"), table(runs.length > 1 ? ["agent", "run", "mean", "95 % interval", "against best baseline", "return"] : ["agent", "mean", "95 % interval", "against best baseline", "return"], results));
    showEpisodes(main, runs);
    if (one && one.play) { main.append(heading("Play against it")); sandboxPlay.mount(main.appendChild(element("div")), one); }
    showDetails(main, runs);
  }

  function resultRows(runs) {
    const rows = [];
    const seen = new Set();
    const span = (pair) => pair && pair[0] !== null ? `[${figure(pair[0])}, ${figure(pair[1])}]` : "–";
    for (const run of runs) {
      if (!run.evaluation) continue;
      const agents = Object.entries(run.evaluation.agents);
      const sign = run.evaluation.better === "lower" ? 1 : -1;
      agents.sort(([, a], [, b]) => sign * ((a.mean ?? Infinity) - (b.mean ?? Infinity)));
      for (const [name, row] of agents) {
        const own = name === run.algorithm || name === `${run.algorithm}-best`;
        const key = `${run.scenario}|${name}|${run.record.scenario_hash}`;
        if (!own && seen.has(key)) continue;
        if (!own) seen.add(key);
        const cell = element("span");
        cell.append(dot(own ? colourOf(run.id) : -1), document.createTextNode(name));
        const against = row.against_best_baseline;
        const difference = element("span", "", name === run.evaluation.best_baseline ? "best baseline" : against ? `${against.difference > 0 ? "+" : ""}${figure(against.difference)} ` : "–");
        if (against) difference.append(badge(against.verdict));
        rows.push([sign * (row.mean ?? Infinity), cell, ...(runs.length > 1 ? [own ? shortName(run) : state.commonScenario ? "" : run.scenario] : []), row.mean, span(row.ci95), difference, row.return]);
      }
    }
    // One metric can be ranked over runs; several scenarios stay apart.
    if (state.commonScenario) rows.sort(([a], [b]) => a - b);
    return rows.map(([, ...cells]) => cells);
  }

  function showEpisodes(main, runs) {
    const shown = runs.filter((run) => run.replays.length || run.films.length || run.pictures.length);
    if (!shown.length) return;
    main.append(heading("Episodes"));
    const panes = element("div", "panes");
    main.append(panes);
    for (const run of shown) {
      const pane = element("div", "pane");
      panes.append(pane);
      const head = element("h3");
      head.append(dot(colourOf(run.id)), document.createTextNode(shortName(run)));
      pane.append(head);
      if (run.replays.length) {
        const host = element("div");
        const load = (name) => get("/api/replay", { id: run.id, name })
          .then((replay) => sandboxReplay.mount(host, replay, `/file?${new URLSearchParams({ id: run.id })}&name=replays%2F`))
          .catch((error) => host.replaceChildren(element("p", "notes", error.message)));
        if (run.replays.length > 1) {
          const choose = element("select");
          choose.setAttribute("aria-label", "replay");
          for (const name of run.replays) { const option = element("option", "", name.replace(/\.json$/, "")); option.value = name; choose.append(option); }
          choose.addEventListener("change", () => load(choose.value));
          pane.append(choose);
        }
        pane.append(host);
        load(run.replays[0]);
      }
      const address = (name) => `/file?${new URLSearchParams({ id: run.id, name })}`;
      for (const name of run.films) {
        const video = element("video", "picture");
        Object.assign(video, { controls: true, loop: true, muted: true, playsInline: true, preload: "metadata", src: address(name) });
        pane.append(media(video, name));
      }
      for (const name of run.pictures) {
        const picture = element("img");
        Object.assign(picture, { src: address(name), alt: name, loading: "lazy" });
        pane.append(media(picture, name));
      }
    }
  }
  function media(inner, name) {
    const box = element("div", "media");
    const frame = element("figure", "wide");
    frame.append(inner, element("figcaption", "", name));
    box.append(frame);
    return box;
  }

  function showDetails(main, runs) {
    main.append(heading("Details"));
    const panes = element("div", "panes");
    main.append(panes);
    for (const run of runs) {
      const { record } = run;
      const pane = element("div", "pane");
      const list = element("dl", "kv");
      const add = (name, value) => { if (value !== undefined && value !== null && value !== "") list.append(element("dt", "", name), element("dd", "", typeof value === "object" ? JSON.stringify(value) : String(value))); };
      add("run", run.id);
      add("started", record.started);
      add("trained by", record.trained_by);
      add("steps per second", record.steps_per_second);
      add("copies", record.num_envs);
      add("seconds", record.seconds);
      add("reward", record.reward);
      add("hyperparameters", record.hyperparameters);
      add("config", record.config);
      add("versions", record.packages);
      add("command", Array.isArray(record.command) ? record.command.join(" ") : undefined);
      add("error", record.error);
      add("note", run.note);
      if (runs.length > 1) { const head = element("h3"); head.append(dot(colourOf(run.id)), document.createTextNode(shortName(run))); pane.append(head); }
      pane.append(list);
      panes.append(pane);
    }
  }

  function showProgress(run) {
    const host = [...document.querySelectorAll("[data-progress]")].find((one) => one.dataset.progress === run.id);
    if (!host) return;
    const rate = run.curves.steps_per_second;
    const speed = rate && run.status === "running" ? `, ${figure(rate.y[rate.y.length - 1])} steps/s` : "";
    host.textContent = ` ${Number(run.steps_done || 0).toLocaleString("en-US")} of ${Number(run.steps || 0).toLocaleString("en-US")} steps${speed}`;
  }

  function showGrid(main, grid) {
    state.charts = [];
    main.replaceChildren();
    const top = element("div", "top");
    top.append(element("h1", "", grid.title || grid.suite));
    const link = element("a", "small", "Report");
    link.href = `/report?${new URLSearchParams({ grid: grid.id })}`;
    link.target = "_blank";
    link.rel = "noopener";
    top.append(link);
    const done = grid.cells.filter((cell) => cell.status === "done").length;
    const line = element("p", "soft", `${done} of ${grid.cells.length} cells done${grid.failed ? `, ${grid.failed} failed` : ""}. `);
    line.append(badge(grid.status));
    main.append(top, line);
    const agents = Object.keys(grid.agents);
    main.append(heading("Cells"));
    const box = element("div", "scroll");
    const cells = element("table");
    const head = cells.createTHead().insertRow();
    for (const name of ["scenario", ...agents]) head.append(element("th", "", name));
    const body = cells.createTBody();
    for (const scenario of Object.keys(grid.scenarios)) {
      const row = body.insertRow();
      row.insertCell().textContent = scenario;
      for (const agent of agents) {
        const squares = element("span", "squares");
        for (const cell of grid.cells.filter((one) => one.scenario === scenario && one.agent === agent)) {
          const square = element("i");
          if (/^[a-z]+$/.test(cell.status)) square.classList.add(cell.status);
          square.title = `${agent}, ${cell.seed === null ? "no seed" : `seed ${cell.seed}`}: ${cell.status}${cell.value === null ? "" : `, ${figure(cell.value)}`}${cell.error ? `, ${cell.error}` : ""}`;
          squares.append(square);
        }
        row.insertCell().append(squares);
      }
    }
    box.append(cells);
    main.append(box);
    const colours = new Map(agents.filter((name) => grid.agents[name].kind === "learned").map((name, i) => [name, i % 8]));
    const colour = (name) => colours.has(name) ? colours.get(name) : -1;
    for (const [scenario, facts] of Object.entries(grid.scenarios)) {
      main.append(heading(scenario));
      const series = [];
      for (const [agent, own] of Object.entries(grid.curves[scenario] || {})) {
        const curve = own.validation || own.training;
        if (curve) series.push({ name: agent, x: curve.steps, y: curve.mean, low: curve.low, high: curve.high, colour: colour(agent), points: Boolean(own.validation) });
      }
      if (series.length) main.append(chart(element("div", "chart"), () => ({ x: { label: "steps" }, y: { label: `${facts.metric}${["", "1"].includes(facts.unit) ? "" : ` (${facts.unit})`}, ${facts.better} is better` }, series, lines: [] })));
      const sign = facts.better === "lower" ? 1 : -1;
      const middle = (score) => score.iqm ?? score.mean;
      const rows = Object.entries(grid.scores[scenario] || {}).sort(([, a], [, b]) => sign * ((middle(a) ?? Infinity) - (middle(b) ?? Infinity))).map(([agent, score]) => {
        const name = element("span");
        name.append(dot(colour(agent)), document.createTextNode(agent));
        const against = score.against_best_baseline;
        const difference = element("span", "", against ? `${against.difference > 0 ? "+" : ""}${figure(against.difference)} ` : "–");
        if (against) difference.append(badge(against.verdict));
        return [name, whole(score.kind === "learned" ? score.runs : null), middle(score), score.ci95 && score.ci95[0] !== null ? `[${figure(score.ci95[0])}, ${figure(score.ci95[1])}]` : "–", score.normalised, difference];
      });
      if (rows.length) main.append(table(["agent", "runs", facts.metric, "95 % interval", "normalised", "against best baseline"], rows));
    }
  }

  /* ---- live ---- */
  function refresh() { for (const { chart: one, make } of state.charts) one.update(make()); }

  let due = null;
  function soon(work) { clearTimeout(due); due = setTimeout(work, 150); }

  function listen() {
    const wanted = [...state.loaded.values()].map((run) => run.id).join("|") + `#${state.grid}`;
    if (state.stream && state.stream.wanted === wanted && state.stream.readyState !== 2) return;
    if (state.stream) state.stream.close();
    const query = new URLSearchParams([...state.loaded.values()].map((run) => ["run", `${run.id}@${run.offset}`]));
    const stream = new EventSource(`/api/events?${query}`);
    stream.wanted = wanted;
    state.stream = stream;
    const live = byId("live");
    let broken = false;
    stream.addEventListener("hello", () => {
      live.textContent = "live";
      live.className = "live on";
      if (broken) { state.stream.wanted = null; loadIndex().then(showMain); } // what happened meanwhile is read again
      broken = false;
    });
    stream.addEventListener("error", () => { broken = true; live.textContent = "not connected"; live.className = "live off"; });
    stream.addEventListener("progress", (event) => heard(JSON.parse(event.data)));
    stream.addEventListener("state", () => soon(() => loadIndex().then(showMain)));
    stream.addEventListener("index", () => loadIndex().then(() => { if (state.grid || !state.chosen.length) showMain(); }));
  }

  function heard({ id, records, offset }) {
    const run = state.loaded.get(id);
    if (!run || offset <= run.offset) return;
    run.offset = offset;
    for (const record of records) {
      for (const [name, value] of Object.entries(record)) {
        if (name === "steps" || name === "seconds" || value === null) continue;
        const curve = run.curves[name] || (run.curves[name] = { x: [], y: [] });
        const last = curve.x.length - 1;
        if (last >= 0 && record.steps < curve.x[last]) continue;
        if (last >= 0 && curve.x[last] === record.steps) curve.y[last] = value;
        else { curve.x.push(record.steps); curve.y.push(value); }
      }
      run.steps_done = Math.max(run.steps_done || 0, record.steps);
    }
    showProgress(run);
    refresh();
    byId("live").dataset.heard = String(performance.now());
  }

  async function loadIndex() {
    state.index = await get("/api/index", {});
    showList();
  }

  for (const id of ["search", "scenario", "status"]) byId(id).addEventListener("input", showList);
  for (const event of ["hashchange", "popstate"]) addEventListener(event, () => { readAddress(); showList(); showMain(); });
  setInterval(() => { if (!document.hidden && state.index.runs.some((run) => run.status === "running")) loadIndex().catch(() => {}); }, 5000);
  readAddress();
  loadIndex().then(showMain).catch((error) => byId("main").replaceChildren(element("p", "notes", error.message)));
})();
