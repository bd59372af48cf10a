"""What the perishable family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import COST_LEVELS, ORDER_MAP, inventory_task

DE_MOOR = "De Moor, Gijsbrechts & Boute 2022, European Journal of Operational Research 301(2)"
RULES = "sandbox_inventory.perishable.rules"

PERISHABLE = inventory_task(
    "perishable",
    "A perishable item with a fixed life",
    family="perishable",
    config="PerishableConfig",
    baselines=(
        Baseline(
            "optimal",
            f"{RULES}:make_optimal",
            "the exact optimum, by value iteration",
            DE_MOOR,
        ),
        Baseline(
            "base-stock",
            f"{RULES}:make_base_stock",
            "order up to S, whatever the ages; optimised",
            DE_MOOR,
        ),
        Baseline("capped-base-stock", f"{RULES}:make_capped_base_stock", "order up to S, at most a cap"),
    ),
    sources=(DE_MOOR,),
    views=(ORDER_MAP, COST_LEVELS),
    finite_model=True,
)
