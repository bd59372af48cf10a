"use strict";
(() => {
  sandboxCharts.theme(document.getElementById("theme"));
  sandboxStudy.mount(document.getElementById("study"), JSON.parse(document.getElementById("data").textContent));
})();
