"""What the backorders family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import ORDER_MAP, inventory_task

RULES = "sandbox_inventory.backorders.rules"

BACKORDERS = inventory_task(
    "backorders",
    "One item with backorders and a fixed cost",
    family="backorders",
    config="BackordersConfig",
    baselines=(
        Baseline(
            "optimal",
            f"{RULES}:make_optimal",
            "the best (s, S), optimal among all policies",
            "Zheng & Federgruen 1991, Operations Research 39(4)",
            optimal_in="cost",
        ),
        Baseline(
            "r-Q",
            f"{RULES}:make_batches",
            "the best (r, nQ): lots of Q when the position is at r or below",
            "Zheng & Chen 1992, Naval Research Logistics 39(4)",
        ),
        Baseline("base-stock", f"{RULES}:make_base_stock", "order up to the best S every period"),
    ),
    sources=("Zheng & Federgruen 1991, Operations Research 39(4), 654-665",),
    views=(ORDER_MAP,),
    finite_model=True,
)
