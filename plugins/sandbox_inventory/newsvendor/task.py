"""What the newsvendor family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import inventory_task

RULES = "sandbox_inventory.newsvendor.rules"

NEWSVENDOR = inventory_task(
    "newsvendor",
    "Newsvendor: one order for one period",
    family="newsvendor",
    config="NewsvendorConfig",
    baselines=(
        Baseline(
            "optimal",
            f"{RULES}:make_optimal",
            "the critical fractile",
            "Arrow, Harris & Marschak 1951",
            optimal_in="cost",
        ),
        Baseline("mean-demand", f"{RULES}:make_mean", "order the mean demand"),
    ),
    sources=("Arrow, Harris & Marschak 1951, Econometrica 19(3)",),
)
