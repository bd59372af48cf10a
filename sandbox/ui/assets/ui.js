/* The page over a runs directory. Everything that comes from files is set as text, never as markup. */
"use strict";
(() => {
  const { Chart, figure, element, theme } = sandboxCharts;
  const { table, valued, whole, percent, fits: matches, value: valueOf, chooser, settings } = sandboxTables;
  const { smoothed, overTime, together } = sandboxCurves;
  const byId = (id) => document.getElementById(id);
  const state = { index: { runs: [], grids: [], studies: [] }, chosen: [], grid: null, study: null, loaded: new Map(), figures: [], columns: [],
    axis: "steps", smooth: 0, seeds: false, orders: new Map(), stream: null, charts: [] };
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
    state.study = given.get("study");
    state.figures = given.getAll("figure");
    state.columns = given.getAll("column");
    state.axis = given.get("axis") === "time" ? "time" : "steps";
    state.smooth = Math.min(0.99, Math.max(0, Number(given.get("smooth")) || 0));
    state.seeds = given.get("seeds") === "together";
  }
  function writeAddress() {
    const next = new URLSearchParams();
    for (const id of state.chosen) next.append("run", id);
    if (state.grid) next.set("grid", state.grid);
    if (state.study) next.set("study", state.study);
    for (const name of state.figures) next.append("figure", name);
    for (const name of state.columns) next.append("column", name);
    if (state.axis !== "steps") next.set("axis", state.axis);
    if (state.smooth) next.set("smooth", String(state.smooth));
    if (state.seeds) next.set("seeds", "together");
    const text = next.toString();
    if (location.hash.slice(1) !== text) history.pushState(null, "", text ? `#${text}` : location.pathname);
  }

  /* ---- the list ---- */
  const baseName = (run) => run.called || `${run.algorithm}, seed ${run.seed === undefined ? "?" : run.seed}`;
  /* Runs side by side that would have the same name are told apart by the end of their directories. */
  function shortName(run) {
    const name = baseName(run);
    const alike = state.loaded.has(run.id) && [...state.loaded.values()].some((other) => other.id !== run.id && baseName(other) === name && other.scenario === run.scenario);
    return alike ? `${name} (${run.id.split("-").pop().slice(0, 4)})` : name;
  }
  const colourOf = (id) => state.chosen.indexOf(id) % 8;
  function dot(index) { return element("span", `dot ${index < 0 ? "kg" : `k${index}`}`); }
  function badge(status) { const made = element("span", "badge", status); if (/^[a-z]+$/.test(status)) made.classList.add(status); return made; }
  const valueText = (run) => run.value === null || run.value === undefined ? "" : `${figure(run.value)}${run.metric && !["", "1"].includes(run.metric.unit) ? ` ${run.metric.unit}` : ""}`;

  function fits(run) {
    const scenario = byId("scenario").value, status = byId("status").value;
    const shown = status === ARCHIVED ? run.archived : !run.archived && (!status || run.status === status);
    return matches(run, byId("search").value) && (!scenario || run.scenario === scenario) && shown;
  }
  const ARCHIVED = "archived";
  function searchTag(tag) { byId("search").value = `#${tag}`; showList(); if (!state.grid && !state.study && !state.chosen.length) showOverview(byId("main")); }

  /* The order of a table by its name, which outlives the table. */
  function orderOf(name) {
    if (!state.orders.has(name)) state.orders.set(name, {});
    return state.orders.get(name);
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
    const { runs, grids, studies = [], moves = [] } = state.index;
    byId("root").textContent = state.index.root || "";
    options(byId("scenario"), runs.map((run) => run.scenario));
    options(byId("status"), [...runs.map((run) => run.status), ...(runs.some((run) => run.archived) ? [ARCHIVED] : [])]);
    const list = byId("runs");
    list.replaceChildren();
    const groups = new Map();
    for (const run of runs.filter(fits)) {
      if (!groups.has(run.scenario)) groups.set(run.scenario, []);
      groups.get(run.scenario).push(run);
    }
    for (const [scenario, members] of groups) {
      list.append(element("div", "group", scenario));
      for (const run of members) list.append(item(run));
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
      row.addEventListener("click", () => { Object.assign(state, { grid: grid.id, study: null, chosen: [] }); changed(); });
      sets.append(row);
    }
    const searches = byId("studies");
    searches.replaceChildren();
    if (studies.length) searches.append(element("div", "group", "Searches for hyperparameters"));
    for (const study of studies) {
      const row = element("div", `item${state.study === study.id ? " chosen" : ""}`);
      const name = element("button", "", study.title);
      Object.assign(name, { type: "button", title: study.id });
      row.append(element("span"), name, study.error ? badge(study.status) : element("span", "value", `${study.trials} of ${study.wanted}`));
      row.addEventListener("click", () => { Object.assign(state, { grid: null, study: study.id, chosen: [] }); changed(); });
      searches.append(row);
    }
    if (moves.length) searches.append(element("div", "group", "Searches for moves"));
    for (const search of moves) {
      const row = element("div", "item");
      row.append(element("span"), movesLink(search), search.error ? badge("damaged") : element("span", "value", `${search.better} of ${search.candidates}`));
      searches.append(row);
    }
  }

  /* The page of a search for moves, which opens beside this one. */
  function movesLink(search) {
    const link = element("a", "", search.title);
    Object.assign(link, { href: `/report?${new URLSearchParams({ moves: search.id })}`, target: "_blank", rel: "noopener", title: search.error || search.id });
    return link;
  }

  /* What a run does that no classical method does, as its searches found it. */
  function showMoves(main, runs) {
    const rows = runs.flatMap((run) => run.moves.map((search) => search.error
      ? [movesLink(search), search.error, "", "", ""]
      : [movesLink(search), search.against.join(", "), search.candidates, search.better, search.worse]));
    if (!rows.length) return;
    main.append(heading("Moves"), table(["search", "against", "tested", "proven better", "proven worse"], rows, orderOf("moves")));
    main.append(element("p", "soft small", "Decisions that no classical method takes, played on from the same state with each action; proven on fresh futures that did not choose them."));
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
    if ((run.tags || []).length) { const tags = sandboxLabels.tags(run, searchTag); tags.classList.add("below"); row.append(tags); }
    row.addEventListener("click", () => { Object.assign(state, { chosen: [run.id], grid: null, study: null }); changed(); });
    return row;
  }

  function toggle(id) {
    state.grid = state.study = null;
    state.chosen = state.chosen.includes(id) ? state.chosen.filter((other) => other !== id) : [...state.chosen, id];
    changed();
  }

  /* ---- what is looked at ---- */
  function changed() { writeAddress(); showList(); showMain(); }

  async function showMain() {
    const main = byId("main");
    const wanted = `${state.grid}|${state.study}|${state.chosen.join("|")}`;
    state.wanted = wanted;
    try {
      if (state.grid) {
        const grid = await get("/api/grid", { id: state.grid });
        if (state.wanted === wanted) { showGrid(main, grid); listen(); }
      } else if (state.study) {
        const study = await get("/api/study", { id: state.study });
        if (state.wanted === wanted) { showStudy(main, study); listen(); }
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

  function showOverview(main) {
    const all = state.index.runs;
    const runs = all.filter(fits);
    main.replaceChildren(element("h1", "", "Runs"));
    const going = runs.filter((run) => run.status === "running").length;
    const count = runs.length === all.length ? `${all.length} ${all.length === 1 ? "run" : "runs"}` : `${runs.length} of ${all.length} runs`;
    main.append(element("p", "soft", `${count}, ${going} training now. Choose one, or tick several to see them side by side.`));
    if (!all.length) return;
    main.append(chooser(all, state.columns, (columns) => { state.columns = columns; writeAddress(); showOverview(main); }));
    if (state.columns.length) main.querySelector("details").open = true;
    const labelled = runs.some((run) => run.called || (run.tags || []).length);
    const head = ["scenario", ...(labelled ? ["name, tags"] : []), "agent", "seed", "status", "steps", "test metric", "gap", "best baseline", ...state.columns, "started"];
    const overview = table(head, runs.slice(0, 500).map((run) => {
      const link = element("a", "", run.scenario);
      link.href = `#${new URLSearchParams({ run: run.id })}`;
      const chosen = state.columns.map((name) => { const known = valueOf(run, name); return typeof known === "number" ? valued(figureText(known), known) : known ?? "–"; });
      const name = element("span", "", run.called ? `${run.called} ` : "");
      name.append(sandboxLabels.tags(run, searchTag));
      return [link, ...(labelled ? [name] : []), run.algorithm, whole(run.seed), badge(run.status), whole(run.steps_done),
        valued(valueText(run) ? `${run.metric.name} ${figure(run.value)}` : "–", run.value), percent(run.gap),
        run.verdict ? versus(run) : "", ...chosen, valued(String(run.started || "").slice(5, 16).replace("T", " "), Date.parse(run.started) || null)];
    }), orderOf("runs"));
    overview.classList.add("overview");
    main.append(overview);
    if (runs.length > 500) main.append(element("p", "soft small", "The first 500; filter to see others."));
  }
  const figureText = (value) => Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  function versus(run) { const made = element("span", "", run.baseline ? `${run.baseline} ` : ""); made.append(badge(run.verdict)); return made; }

  function figures(runs) {
    const names = new Set();
    for (const run of runs) for (const name of Object.keys(run.curves)) names.add(name);
    return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  }
  const rank = (name) => name === "return" ? 0 : name.startsWith("validation/") ? 1 : name.startsWith("metric/") ? 2 : name.startsWith("term/") ? 3 : name.startsWith("system/") ? 5 : 4;
  const label = (run, many) => many ? `${run.scenario === state.commonScenario ? "" : `${run.scenario} `}${shortName(run)}` : "";

  /* Runs that differ in nothing but their seed. */
  function groups(runs) {
    if (!state.seeds) return runs.map((run) => [run]);
    const known = new Map();
    for (const run of runs) {
      const key = JSON.stringify([run.scenario, run.problem, run.algorithm, Object.entries(run.settings || {}).filter(([name]) => name !== "seed")]);
      if (!known.has(key)) known.set(key, []);
      known.get(key).push(run);
    }
    return [...known.values()];
  }
  const groupName = (group, many) => group.length > 1 ? `${group[0].algorithm}, ${group.length} seeds` : label(group[0], many);

  /* A figure of some runs as it is asked for: over steps or time, smoothed, seeds as one band. */
  function curve(group, name) {
    const known = group.filter((run) => run.curves[name]).map((run) => {
      const drawn = smoothed(run.curves[name], name.startsWith("validation/") ? 0 : state.smooth);
      return state.axis === "time" ? overTime(drawn, run.clock) : drawn;
    });
    return known.length ? together(known) : null;
  }
  const axis = () => ({ label: state.axis === "time" ? "minutes of training" : "steps" });

  function metricChart(runs) {
    const series = [];
    const parts = groups(runs);
    const many = parts.length > 1;
    for (const group of parts) {
      const metric = group[0].metric.name, colour = colourOf(group[0].id);
      const name = (what) => many || group.length > 1 ? `${groupName(group, many)}, ${what}` : what;
      const training = curve(group, `metric/${metric}`);
      if (training) series.push({ name: name("training"), ...training, colour, pale: true });
      const validation = curve(group, `validation/metric/${metric}`);
      if (validation) series.push({ name: name("validation"), ...validation, colour, points: true });
    }
    const first = runs[0];
    const same = runs.every((run) => run.problem === first.problem);
    const lines = [];
    for (const name of same && first.evaluation ? [first.evaluation.best_baseline, first.evaluation.optimum] : []) {
      if (name && first.evaluation.agents[name]) lines.push({ name: `${name} (test)`, value: first.evaluation.agents[name].mean });
    }
    const values = series.flatMap((line) => line.y).concat(lines.map((line) => line.value));
    const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const { name, unit, better } = first.metric;
    return { x: axis(), y: { label: `${name}${["", "1"].includes(unit) ? "" : ` (${unit})`}${better ? `, ${better} is better` : ""}`, log: low > 0 && high > 20 * low }, series, lines };
  }

  function figureChart(runs, name) {
    const parts = groups(runs);
    const series = parts.map((group) => [group, curve(group, name)]).filter(([, drawn]) => drawn)
      .map(([group, drawn]) => ({ name: runs.length > 1 ? groupName(group, parts.length > 1) : name, ...drawn, colour: colourOf(group[0].id), points: name.startsWith("validation/") || drawn.x.length === 1 }));
    return { x: axis(), y: { label: name }, series, lines: [], height: 260 };
  }

  /* How curves are drawn: over what, how smooth, seeds together. */
  function controls(runs) {
    const bar = element("div", "row small");
    const over = element("select");
    over.setAttribute("aria-label", "horizontal axis");
    for (const [value, text] of [["steps", "over steps"], ["time", "over wall time"]]) { const option = element("option", "", text); option.value = value; over.append(option); }
    over.value = state.axis;
    over.addEventListener("change", () => { state.axis = over.value; writeAddress(); refresh(); });
    const smooth = element("input");
    Object.assign(smooth, { type: "range", min: 0, max: 0.99, step: 0.01, value: state.smooth });
    smooth.setAttribute("aria-label", "smoothing");
    const said = element("span", "soft", "smoothing ");
    const value = element("span", "soft", String(state.smooth));
    smooth.addEventListener("input", () => { state.smooth = Number(smooth.value); value.textContent = smooth.value; writeAddress(); refresh(); });
    bar.append(over, said, smooth, value);
    if (runs.length > 1) {
      const seeds = element("label");
      const tick = element("input");
      Object.assign(tick, { type: "checkbox", checked: state.seeds });
      tick.addEventListener("change", () => { state.seeds = tick.checked; writeAddress(); refresh(); });
      seeds.append(tick, document.createTextNode(" seeds as one band (least to greatest)"));
      bar.append(seeds);
    }
    return bar;
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
    const entry = { chart: new Chart(host, make()), make };
    state.charts.push(entry);
    return host;
  }
  const headline = (run) => `${shortName(run)} on ${run.scenario}`;
  const heading = (text) => element("h2", "", text);

  function showRuns(main, all) {
    state.charts = [];
    main.replaceChildren();
    const runs = all.filter((run) => !run.broken);
    for (const run of all.filter((run) => run.broken)) main.append(element("p", "notes", `${run.id}: ${run.broken}`));
    if (!runs.length) return;
    state.commonScenario = runs.every((run) => run.scenario === runs[0].scenario) ? runs[0].scenario : null;
    const single = runs.length === 1 ? runs[0] : null;
    const top = element("div", "top");
    top.append(element("h1", "", single ? headline(single) : `${runs.length} runs side by side`));
    const link = element("a", "small", "Report");
    link.href = `/report?${new URLSearchParams(runs.map((run) => ["run", run.id]))}`;
    link.target = "_blank";
    link.rel = "noopener";
    top.append(link);
    main.append(top);
    const list = element("ul", "chosenlist");
    for (const run of runs) {
      const entry = element("li");
      entry.append(dot(colourOf(run.id)), document.createTextNode(single ? "" : `${run.scenario} ${shortName(run)} `), badge(run.status));
      const progress = element("span", "soft small");
      progress.dataset.progress = run.id;
      entry.append(progress);
      if (run.error) entry.append(element("span", "soft small", ` ${run.error}`));
      list.append(entry);
    }
    main.append(list);
    runs.forEach(showProgress);
    if (single && single.title) main.append(element("p", "soft", single.title));
    if (single) main.append(sandboxLabels.form(single, () => loadIndex().then(() => { main.querySelector("h1").textContent = headline(single); })));
    main.append(heading("Learning"), chart(element("div", "chart"), () => metricChart(runs)));

    main.append(controls(runs));
    const host = element("div");
    main.append(host);
    showFigures(host, runs);
    if (single && Object.keys(single.curves).some((name) => name.startsWith("term/"))) {
      main.append(heading("What the reward was made of"), chart(element("div", "chart"), () => termsChart(single)));
    }
    showResults(main, runs);
    showEpisodes(main, runs);
    showPolicies(main, runs);
    showMoves(main, runs);
    if (single && single.play) { main.append(heading("Play against it")); sandboxPlay.mount(main.appendChild(element("div")), single); }
    if (sandboxSystem.known(runs).length) {
      main.append(heading("Machine"));
      sandboxSystem.show(main.appendChild(element("div")), runs, chart, (name, text) => ({ ...figureChart(runs, name), y: { label: text }, height: 200 }));
    }
    main.append(heading("Settings"), settings(runs, shortName));
    showDetails(main, runs);
  }

  /* Any number of figures, each with its chart. */
  function showFigures(host, runs) {
    const names = figures(runs);
    if (!names.length) return;
    const open = state.figures.filter((name) => names.includes(name));
    if (!open.length) open.push(names[0]);
    host.replaceChildren();
    state.charts = state.charts.filter((drawn) => !drawn.figure);
    const choose = element("select");
    choose.id = "figure";
    choose.setAttribute("aria-label", "add a figure");
    choose.append(element("option", "", "add a figure"));
    for (const name of names.filter((other) => !open.includes(other))) { const option = element("option", "", name); option.value = name; choose.append(option); }
    const show = (next) => { state.figures = next; writeAddress(); showFigures(host, runs); };
    choose.addEventListener("change", () => show([...open, choose.value]));
    const bar = element("div", "row");
    bar.append(heading("Figures"), choose);
    const panes = element("div", "panes");
    for (const name of open) {
      const pane = element("div", "pane");
      const head = element("div", "row");
      head.append(element("h3", "", name));
      if (open.length > 1) {
        const close = element("button", "button", "close");
        close.type = "button";
        close.addEventListener("click", () => show(open.filter((other) => other !== name)));
        head.append(close);
      }
      const area = element("div", "chart");
      pane.append(head, area);
      panes.append(pane);
    }
    host.append(bar, panes);
    [...panes.querySelectorAll(".chart")].forEach((area, i) => { chart(area, () => figureChart(runs, open[i])); state.charts[state.charts.length - 1].figure = true; });
  }

  /* Runs by the problem that they solved, each with what differs from the others'. */
  function problems(runs) {
    const known = new Map();
    for (const run of runs.filter((other) => other.evaluation)) {
      if (!known.has(run.problem)) known.set(run.problem, []);
      known.get(run.problem).push(run);
    }
    const parts = [...known.values()];
    return parts.map((members) => {
      const [run] = members;
      const alike = parts.filter(([other]) => other.scenario === run.scenario); // what differs between scenarios is everything
      const keys = [...new Set(alike.flatMap(([other]) => Object.keys(other.tested || {})))];
      const differs = keys.filter((key) => new Set(alike.map(([other]) => String((other.tested || {})[key]))).size > 1);
      const what = differs.map((key) => `${key} ${(run.tested || {})[key] ?? "none"}`).join(", ");
      return { runs: members, title: parts.length > 1 ? run.scenario : "", what: what || (alike.length > 1 ? `hash ${String(run.record.scenario_hash).slice(0, 8)}` : "") };
    });
  }

  function showResults(main, runs) {
    const parts = problems(runs);
    if (!parts.length) return;
    main.append(heading("Test episodes"));
    if (parts.length > 1) main.append(element("p", "soft small", "Only what has the same parameters, reward and test episodes is ranked together."));
    for (const part of parts) {
      const { evaluation } = part.runs[0];
      if (part.title) main.append(element("h3", "", part.title));
      if (part.what) main.append(element("p", "soft small", part.what));
      const several = part.runs.length > 1;
      const limit = evaluation.limit;
      const head = ["agent", ...(several ? ["run"] : []), `mean ${evaluation.metric}`, "95 % interval", "against best baseline", ...(limit ? [`worse than ${limit.kind}`] : []), "return"];
      main.append(table(head, resultRows(part.runs), orderOf("results")));
      const chance = part.runs.some((run) => Object.values(run.evaluation.agents).some((agent) => agent.gap < 0)) ? ` Below the ${limit.kind} of these episodes lies only what was luckier in them.` : "";
      main.append(basis(evaluation.episodes, document.body.dataset.rule, chance));
    }
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
        const learned = name === run.algorithm || name === `${run.algorithm}-best`;
        const key = name;
        if (!learned && seen.has(key)) continue;
        if (!learned) seen.add(key);
        const cell = element("span");
        cell.append(dot(learned ? colourOf(run.id) : -1), document.createTextNode(name));
        const against = row.against_best_baseline;
        const standing = name === run.evaluation.optimum ? "optimum" : name === run.evaluation.best_baseline ? "best baseline" : against ? differenceText(against) : "–";
        const difference = element("span", "", standing);
        if (against && name !== run.evaluation.optimum) difference.append(badge(against.verdict));
        rows.push([sign * (row.mean ?? Infinity), cell, ...(runs.length > 1 ? [learned ? shortName(run) : ""] : []), row.mean, span(row.ci95),
          valued(difference, against ? against.difference : null), ...(run.evaluation.limit ? [percent(row.gap)] : []), row.return]);
      }
    }
    rows.sort(([a], [b]) => a - b);
    return rows.map(([, ...cells]) => cells);
  }

  function differenceText({ difference, percent: share }) {
    const sign = difference > 0 ? "+" : "";
    return `${sign}${figure(difference)}${share === null || share === undefined ? "" : ` (${sign}${sandboxCharts.percent(share)})`} `;
  }

  /* What a table of results rests on, and when a difference in it is clear. */
  function basis(episodes, rule, more = "") {
    return element("p", "soft small", `${episodes} test ${episodes === 1 ? "episode" : "episodes"} an agent. ${rule}${more}`);
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

  /* Policies that can be played, with the command that films one. */
  function showPolicies(main, runs) {
    const shown = runs.filter((run) => run.policies.length);
    if (!shown.length) return;
    main.append(heading("Policies"));
    const panes = element("div", "panes");
    main.append(panes);
    for (const run of shown) {
      const pane = element("div", "pane");
      if (runs.length > 1) { const head = element("h3"); head.append(dot(colourOf(run.id)), document.createTextNode(shortName(run))); pane.append(head); }
      const rows = run.policies.map(({ steps, names, value }) => [valued(`@${steps}`, steps), names.map((name) => `@${name}`).join(", "), value]);
      pane.append(table(["policy", "also", `validation ${run.metric.name}`], rows, orderOf(`policies ${run.id}`)));
      const first = run.policies[0].steps;
      const command = `sandbox render ${state.index.root}/${run.id}@${first}`;
      pane.append(element("p", "soft small", "To film one, or to add its replay to this page:"), element("code", "command", command), element("code", "command", `${command} --view replay`));
      panes.append(pane);
    }
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
      add("seconds", record.seconds);
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
    const host = [...document.querySelectorAll("[data-progress]")].find((place) => place.dataset.progress === run.id);
    if (!host) return;
    const rate = run.curves.steps_per_second;
    const now = rate && rate.y[rate.y.length - 1];
    const left = now > 0 && run.steps > run.steps_done ? `, about ${timeText((run.steps - run.steps_done) / now)} left` : "";
    const speed = rate && run.status === "running" ? `, ${figure(now)} steps/s${left}` : "";
    const count = (number) => Number(number || 0).toLocaleString("en-US");
    host.textContent = run.steps_done > run.steps ? ` ${count(run.steps_done)} steps, ${count(run.steps)} asked for` : ` ${count(run.steps_done)} of ${count(run.steps)} steps${speed}`;
  }

  const timeText = (seconds) => seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h ${Math.round(seconds / 60) % 60} min`;

  function showStudy(main, study) {
    state.charts = [];
    main.replaceChildren();
    const top = element("div", "top");
    const link = element("a", "small", "Report");
    Object.assign(link, { href: `/report?${new URLSearchParams({ study: study.id })}`, target: "_blank", rel: "noopener" });
    top.append(element("h1", "", `Search for hyperparameters of ${study.algorithm} on ${study.scenario}`), link);
    main.append(top, element("p", "soft small", study.id));
    sandboxStudy.mount(main.appendChild(element("div")), study);
  }

  function showGrid(main, grid) {
    state.charts = [];
    main.replaceChildren();
    const top = element("div", "top");
    top.append(element("h1", "", grid.heading));
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
        for (const cell of grid.cells.filter((other) => other.scenario === scenario && other.agent === agent)) {
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
      for (const [agent, curves] of Object.entries(grid.curves[scenario] || {})) {
        const curve = curves.validation || curves.training;
        if (curve) series.push({ name: agent, x: curve.steps, y: curve.mean, low: curve.low, high: curve.high, colour: colour(agent), points: Boolean(curves.validation) });
      }
      if (series.length) main.append(chart(element("div", "chart"), () => ({ x: { label: "steps" }, y: { label: `${facts.metric}${["", "1"].includes(facts.unit) ? "" : ` (${facts.unit})`}, ${facts.better} is better` }, series, lines: [] })));
      const sign = facts.better === "lower" ? 1 : -1;
      const middle = (score) => score.iqm ?? score.mean;
      const best = Object.values(grid.scores[scenario] || {}).map((score) => score.against_best_baseline && score.against_best_baseline.baseline).find(Boolean);
      const rows = Object.entries(grid.scores[scenario] || {}).sort(([, a], [, b]) => sign * ((middle(a) ?? Infinity) - (middle(b) ?? Infinity))).map(([agent, score]) => {
        const name = element("span");
        name.append(dot(colour(agent)), document.createTextNode(agent));
        const against = score.against_best_baseline;
        const difference = element("span", "", agent === facts.optimum ? "optimum" : agent === best ? "best baseline" : against ? differenceText(against) : "–");
        if (against && agent !== facts.optimum) difference.append(badge(against.verdict));
        return [name, whole(score.kind === "learned" ? score.runs : null), middle(score), score.ci95 && score.ci95[0] !== null ? `[${figure(score.ci95[0])}, ${figure(score.ci95[1])}]` : "–", percent(score.gap), score.normalised, valued(difference, against ? against.difference : null)];
      });
      if (!rows.length) continue;
      const scores = table(["agent", "runs", facts.metric, "95 % interval", facts.limit ? `worse than ${facts.limit.kind}` : "gap", "normalised", "against best baseline"], rows, orderOf(scenario));
      scores.classList.add("overview");
      main.append(scores, basis(facts.episodes, document.body.dataset.ruleOfComparisons));
    }
  }

  /* ---- live ---- */
  function refresh() { for (const { chart: drawn, make } of state.charts) drawn.update(make()); }

  let due = null;
  function soon(work) { clearTimeout(due); due = setTimeout(work, 150); }

  function listen() {
    const wanted = [...state.loaded.values()].map((run) => run.id).join("|") + `#${state.grid}#${state.study}`;
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
    stream.addEventListener("progress", (event) => onProgress(JSON.parse(event.data)));
    stream.addEventListener("state", () => soon(() => loadIndex().then(showMain)));
    stream.addEventListener("index", () => loadIndex().then(() => { if (state.grid || state.study || !state.chosen.length) showMain(); }));
  }

  function onProgress({ id, records, offset }) {
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
      if (typeof record.seconds === "number") { run.clock.x.push(record.steps); run.clock.y.push(record.seconds); }
      run.steps_done = Math.max(run.steps_done || 0, record.steps);
    }
    showProgress(run);
    refresh();
    byId("live").dataset.updated = String(performance.now());
  }

  async function loadIndex() {
    state.index = await get("/api/index", {});
    showList();
  }

  // Of letters that are typed faster than hundreds of runs are drawn, the first and the last draw them.
  let waiting = 0, typed = false;
  function filterRuns() {
    if (waiting) { typed = true; return; }
    showList();
    if (!state.grid && !state.study && !state.chosen.length) showOverview(byId("main"));
    waiting = setTimeout(() => { waiting = 0; if (typed) { typed = false; filterRuns(); } }, 150);
  }

  for (const id of ["search", "scenario", "status"]) byId(id).addEventListener("input", filterRuns);
  for (const event of ["hashchange", "popstate"]) addEventListener(event, () => { readAddress(); showList(); showMain(); });
  setInterval(() => { if (!document.hidden && state.index.runs.some((run) => run.status === "running")) loadIndex().catch(() => {}); }, 5000);
  readAddress();
  loadIndex().then(showMain).catch((error) => byId("main").replaceChildren(element("p", "notes", error.message)));
})();
