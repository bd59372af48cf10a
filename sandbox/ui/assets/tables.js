/* Tables of the page: cells that sort by their number, all runs with chosen columns, settings side by side.
   Everything that comes from files is set as text, never as markup. */
"use strict";
const sandboxTables = (() => {
  const { sortable, figure, percent: percentText, element } = sandboxCharts;

  /* A cell that shows one thing and sorts by another; null sorts last. */
  const valued = (content, value) => ({ content, value: value === undefined ? null : value });
  const whole = (value) => valued(value === null || value === undefined ? "–" : Number(value).toLocaleString("en-US"), value);
  const percent = (value) => valued(percentText(value), value);

  function fill(made, cell) {
    const given = cell && typeof cell === "object" && "content" in cell ? cell : null;
    const content = given ? given.content : cell;
    if (given) made.dataset.value = given.value === null ? "" : String(given.value);
    if (content instanceof Node) made.append(content);
    else if (typeof content === "number" || content === null || content === undefined) {
      made.textContent = figure(content);
      if (!given) made.dataset.value = content === null || content === undefined ? "" : String(content);
    } else made.textContent = String(content);
  }

  /* kept: {column, up} that outlives the table, so that a refresh keeps the order. */
  function table(head, rows, kept) {
    const box = element("div", "scroll");
    const made = element("table", "sortable");
    const line = made.createTHead().insertRow();
    for (const name of head) line.append(element("th", "", name));
    const body = made.createTBody();
    for (const cells of rows) {
      const row = body.insertRow();
      for (const cell of cells) fill(row.insertCell(), cell);
    }
    lettered(made);
    sortable(made, kept);
    box.append(made);
    return box;
  }

  /* Columns of words stand to the left, columns with numbers to the right. */
  function lettered(made) {
    const rows = [...made.tBodies[0].rows];
    [...made.tHead.rows[0].cells].forEach((head, column) => {
      const cells = rows.map((row) => row.cells[column]).filter(Boolean);
      if (cells.some((cell) => cell.dataset.value)) return;
      for (const cell of [head, ...cells]) cell.classList.add("text");
    });
  }

  /* ---- what a run can be filtered and shown by ---- */
  function value(run, name) {
    if (name in (run.settings || {})) return run.settings[name];
    if (name in (run.metrics || {})) return run.metrics[name];
    return { gap: run.gap, value: run.value, status: run.status, verdict: run.verdict, name: run.called, tags: (run.tags || []).join(" ") }[name];
  }
  function names(runs) {
    const known = (part) => [...new Set(runs.flatMap((run) => Object.keys(run[part] || {})))].sort();
    const settings = known("settings").filter((name) => !["algorithm", "seed"].includes(name));
    return { "test metrics": known("metrics"), settings };
  }

  const CONDITION = /^([^\s<>=]+)(<=|>=|=|<|>)(.+)$/;
  /* Words that stand somewhere in the run's line, and conditions such as hp.gamma>=0.99. */
  function fits(run, text) {
    const tags = (run.tags || []).map((tag) => `#${tag}`).join(" ");
    const line = `${run.id} ${run.called || ""} ${tags} ${run.title || ""} ${run.status} ${run.started || ""}`.toLowerCase();
    return text.split(/\s+/).filter(Boolean).every((word) => {
      const condition = CONDITION.exec(word);
      if (!condition) return line.includes(word.toLowerCase());
      const [, name, sign, wanted] = condition;
      const known = value(run, name);
      if (known === undefined || known === null) return false;
      if (sign === "=" && isNaN(Number(wanted))) return String(known).toLowerCase() === wanted.toLowerCase();
      const [a, b] = [Number(known), Number(wanted)];
      return { "=": a === b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b }[sign];
    });
  }

  /* Checkboxes for the columns of the main table. */
  function chooser(runs, chosen, onChange) {
    const box = element("details", "columnchoice");
    box.append(element("summary", "", chosen.length ? `Columns (${chosen.length} more)` : "Columns"));
    for (const [title, group] of Object.entries(names(runs))) {
      if (!group.length) continue;
      box.append(element("p", "soft small", title));
      const list = element("div", "choices");
      for (const name of group) {
        const label = element("label");
        const tick = element("input");
        Object.assign(tick, { type: "checkbox", checked: chosen.includes(name) });
        tick.addEventListener("change", () => onChange(tick.checked ? [...chosen, name] : chosen.filter((other) => other !== name)));
        label.append(tick, document.createTextNode(name));
        list.append(label);
      }
      box.append(list);
    }
    return box;
  }

  /* Settings of runs side by side; rows that differ are marked, and can be all that is shown. */
  function settings(runs, nameOf) {
    const keys = [...new Set(runs.flatMap((run) => Object.keys(run.settings || {})))];
    const text = (run, key) => { const known = (run.settings || {})[key]; return known === undefined ? "–" : known === null ? "none" : String(known); };
    const differs = (key) => new Set(runs.map((run) => text(run, key))).size > 1;
    const box = element("div");
    const draw = (only) => {
      const shown = keys.filter((key) => !only || differs(key));
      const made = table(["setting", ...runs.map(nameOf)], shown.map((key) => [key, ...runs.map((run) => {
        const known = (run.settings || {})[key];
        return typeof known === "number" ? valued(String(known), known) : text(run, key);
      })]));
      for (const cell of made.querySelectorAll("th:not(:first-child), td:not(:first-child)")) cell.classList.add("text", "long");
      [...made.querySelectorAll("tbody tr")].forEach((row, i) => { if (runs.length > 1 && differs(shown[i])) row.classList.add("differs"); });
      return shown.length ? made : element("p", "soft small", "No setting differs.");
    };
    if (runs.length > 1) {
      const label = element("label", "small");
      const tick = element("input");
      Object.assign(tick, { type: "checkbox", checked: true });
      label.append(tick, document.createTextNode(" only what differs"));
      tick.addEventListener("change", () => box.lastChild.replaceWith(draw(tick.checked)));
      box.append(label);
    }
    box.append(draw(runs.length > 1));
    return box;
  }

  return { table, valued, whole, percent, fits, value, chooser, settings };
})();
