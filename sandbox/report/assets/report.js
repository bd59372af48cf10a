"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  sandboxCharts.theme(document.getElementById("theme"));
  const charts = read("charts");
  for (const host of document.querySelectorAll("[data-chart]")) {
    const spec = charts[host.dataset.chart];
    if (spec) new sandboxCharts.Chart(host, spec);
  }
  for (const table of document.querySelectorAll("table.sortable")) sandboxCharts.sortable(table);
  const replays = read("replays");
  for (const host of document.querySelectorAll("[data-replay]")) {
    const replay = replays[host.dataset.replay];
    if (replay) sandboxReplay.mount(host, replay);
  }
})();
