"""What the many-items family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import inventory_task

RULES = "sandbox_inventory.skus.rules"

SKUS = inventory_task(
    "skus",
    "Many items with demand from traces",
    family="skus",
    config="SkusConfig",
    version=3,
    default_reward="profit",
    baselines=(
        Baseline(
            "base-stock",
            f"{RULES}:make_base_stock",
            "recent demand over the lead time, and an optimised safety stock of each item",
        ),
        Baseline("s-S", f"{RULES}:make_min_max", "the same level with an optimised lot of each item"),
    ),
    bound=True,
    simulator=False,  # demand is a given trace
    sources=("Silver, Pyke & Thomas 2017, Inventory and Production Management in Supply Chains",),
)
