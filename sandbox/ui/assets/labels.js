/* Names and tags of runs: how they are shown, and the form that changes them. Text from outside is only ever
   set as text. */
"use strict";
const sandboxLabels = (() => {
  const { element } = sandboxCharts;

  /* Tags as small marks; a click on one searches for it. */
  function tags(run, onTag) {
    const box = element("span", "tags");
    for (const tag of run.tags || []) {
      const mark = element("button", "tag", `#${tag}`);
      mark.type = "button";
      mark.title = `show the runs with the tag ${tag}`;
      mark.addEventListener("click", (event) => { event.stopPropagation(); onTag(tag); });
      box.append(mark);
    }
    return box;
  }

  async function save(id, name, given) {
    const answer = await fetch("/api/label", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ id, name, tags: given }) });
    const document_ = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
    if (!answer.ok) throw new Error(document_.error || `The server answered ${answer.status}.`);
    return document_;
  }

  /* A line with two fields; what is wrong with them is said beside them. */
  function form(run, onSaved) {
    const box = element("form", "labels row small");
    const field = (what, value, hint, most) => {
      const label = element("label", "", `${what} `);
      const input = element("input");
      Object.assign(input, { type: "text", value, placeholder: hint, maxLength: most, autocomplete: "off", spellcheck: false });
      label.append(input);
      box.append(label);
      return input;
    };
    const name = field("name", run.called || "", "what you call this run", 100);
    const tag = field("tags", (run.tags || []).join(" "), "baseline paper", 800);
    const button = element("button", "button", "save");
    button.type = "submit";
    const said = element("span", "soft");
    said.setAttribute("role", "status");
    box.append(button, said);
    box.addEventListener("submit", (event) => {
      event.preventDefault();
      said.textContent = "saving";
      save(run.id, name.value, tag.value)
        .then((labels) => { Object.assign(run, labels); tag.value = labels.tags.join(" "); said.textContent = "saved"; onSaved(); })
        .catch((error) => { said.textContent = error.message; });
    });
    return box;
  }

  return { tags, form };
})();
