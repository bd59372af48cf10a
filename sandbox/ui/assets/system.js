/* What training used of the machine, as figures of the log. */
"use strict";
const sandboxSystem = (() => {
  const { element } = sandboxCharts;
  const PARTS = [["system/cores", "processor cores in use"], ["system/memory_gb", "memory, GB"], ["system/steps_per_second", "steps a second, now"]];

  const known = (runs) => PARTS.filter(([name]) => runs.some((run) => run.curves[name]));

  /* A pane a figure below a host; chart(host, make) draws and keeps one, made(name, label) gives what is drawn. */
  function show(host, runs, chart, made) {
    const panes = element("div", "panes");
    for (const [name, label] of known(runs)) {
      const pane = element("div", "pane");
      const area = element("div", "chart");
      pane.append(element("h3", "", label), area);
      panes.append(pane);
      chart(area, () => made(name, label));
    }
    host.append(panes);
  }

  return { known, show };
})();
