/* An episode by hand against a run. All that comes from the server is set as text, never as markup. */
"use strict";
const sandboxPlay = (() => {
  const { element, figure } = sandboxCharts;

  async function post(path, document_) {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(document_) });
    const result = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
    if (!answer.ok) throw new Error(result.error || `The server answered ${answer.status}.`);
    return result;
  }

  function button(text, work) {
    const made = element("button", "button", text);
    made.type = "button";
    made.addEventListener("click", work);
    return made;
  }

  function mount(host, run) {
    if (!run.play.enabled) {
      host.append(element("p", "soft", "This page only shows. Start it with sandbox ui --play to play here, or use sandbox play in the terminal."));
      return;
    }
    const bar = element("div", "row"), desk = element("div", "desk"), note = element("p", "soft");
    const choose = element("select");
    choose.setAttribute("aria-label", "opponent");
    for (const name of run.play.agents) { const option = element("option", "", name); option.value = name; choose.append(option); }
    if (run.play.agents.length) bar.append(choose);
    let game = null, busy = false;
    const begin = (seat) => act("/api/play/new", { run: run.id, ...(choose.value ? { agent: choose.value } : {}), ...(seat ? { seat } : {}) });
    const other = () => game && game.seats[(game.seats.indexOf(game.seat) + 1) % game.seats.length];
    const swap = button("Change seats", () => begin(other()));
    const ask = button("Ask the agent", async () => {
      if (!game || busy || game.over) return;
      try { advice((await post("/api/play/advice", { session: game.session })).table); } catch (error) { note.textContent = error.message; }
    });
    bar.append(button("New game", () => begin(game && game.seat)), swap, ask);
    host.append(bar, note, desk);

    async function act(path, document_) {
      if (busy) return;
      busy = true;
      note.textContent = "thinking";
      try { game = await post(path, document_); show(); } catch (error) { note.textContent = error.message; }
      busy = false;
    }
    const pick = (label) => act("/api/play/choose", { session: game.session, choice: label });

    function show() {
      note.textContent = game.message;
      swap.hidden = game.seats.length < 2;
      desk.replaceChildren();
      const left = element("div"), right = element("div", "thoughts");
      left.append(game.board ? board(game.board) : element("pre", "", game.text));
      if (!game.board || game.choices.some((choice) => !choice.cell)) {
        const row = element("div", "row");
        for (const choice of game.choices) row.append(button(choice.label, () => pick(choice.label)));
        left.append(row);
      }
      const turns = game.turns.map((turn, index) => `${index + 1}. ${turn.choice}`).join("  ");
      left.append(element("p", "soft small", turns));
      const last = [...game.turns].reverse().find((turn) => turn.table.length);
      if (last) right.append(element("h3", "", `${last.seat} chose ${last.choice}`), thoughts(last.table, last.choice));
      desk.append(left, right);
    }

    function advice(table) {
      const right = desk.querySelector(".thoughts");
      right.replaceChildren(element("h3", "", "What the agent thinks of your choices"), table.length ? thoughts(table, null) : element("p", "soft", "It does not say."));
    }

    function board(given) {
      const grid = element("div", "board");
      const columns = given.cells[0].length;
      grid.dataset.columns = String(columns);
      const byCell = new Map(game.choices.filter((choice) => choice.cell).map((choice) => [choice.cell.join(), choice.label]));
      const byColumn = new Map(game.choices.filter((choice) => choice.cell).map((choice) => [choice.cell[1], choice.label]));
      const drops = game.choices.length > 0 && byColumn.size === game.choices.length && given.row_names.length === 0;
      given.cells.forEach((cells, row) => {
        const line = element("div", "boardline");
        if (given.row_names.length) line.append(element("span", "name", given.row_names[row]));
        cells.forEach((sign, column) => {
          const label = byCell.get([row, column].join()) || (drops ? byColumn.get(column) : undefined);
          const index = given.signs.findIndex(([name]) => name === sign);
          const cell = element("button", `cell${index >= 0 ? ` sign${index}` : ""}`, sign);
          cell.type = "button";
          cell.disabled = label === undefined;
          const meaning = index >= 0 ? given.signs[index][1] : "empty";
          cell.setAttribute("aria-label", label ? `choose ${label}` : meaning);
          if (given.last && given.last[0] === row && given.last[1] === column) cell.classList.add("last");
          if (label !== undefined) cell.addEventListener("click", () => pick(label));
          line.append(cell);
        });
        grid.append(line);
      });
      if (given.column_names.length) {
        const line = element("div", "boardline names");
        if (given.row_names.length) line.append(element("span", "name"));
        for (const name of given.column_names) line.append(element("span", "name", name));
        grid.append(line);
      }
      return grid;
    }

    function thoughts(table, chosen) {
      const names = [...new Set(table.flatMap((row) => Object.keys(row.figures)))];
      const made = element("table");
      const head = made.createTHead().insertRow();
      for (const name of ["choice", ...names]) head.append(element("th", "", name));
      const body = made.createTBody();
      for (const row of table) {
        const line = body.insertRow();
        if (row.choice === chosen) line.className = "picked";
        line.insertCell().textContent = row.choice;
        for (const name of names) line.insertCell().textContent = row.figures[name] === undefined ? "" : name === "visits" ? String(row.figures[name]) : figure(row.figures[name]);
      }
      return made;
    }
  }

  return { mount };
})();
