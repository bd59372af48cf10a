"""What the dual-sourcing family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import ORDER_MAP, inventory_task

GIJSBRECHTS = "Gijsbrechts, Boute, Van Mieghem & Zhang 2022, MSOM 24(3)"
RULES = "sandbox_inventory.dual_sourcing.rules"

DUAL_SOURCING = inventory_task(
    "dual-sourcing",
    "Dual sourcing: cheap and slow, or expensive and fast",
    family="dual_sourcing",
    config="DualSourcingConfig",
    baselines=(
        Baseline(
            "optimal",
            f"{RULES}:make_optimal",
            "the exact optimum, by value iteration",
            GIJSBRECHTS,
            optimal_in="cost",
        ),
        Baseline(
            "capped-dual-index",
            f"{RULES}:make_capped_dual_index",
            "two order-up-to levels, regular orders capped; all optimised",
            "Sun & Van Mieghem 2019, MSOM 21(4)",
        ),
        Baseline(
            "dual-index",
            f"{RULES}:make_dual_index",
            "an order-up-to level for each source, optimised",
            "Veeraraghavan & Scheller-Wolf 2008, Operations Research 56(4)",
        ),
        Baseline(
            "single-index",
            f"{RULES}:make_single_index",
            "both sources order by the whole inventory position; optimised",
            "Scheller-Wolf, Veeraraghavan & van Houtum 2007",
        ),
        Baseline(
            "tailored-base-surge",
            f"{RULES}:make_tailored_base_surge",
            "a constant regular order, the fast source tops up; optimised",
            "Allon & Van Mieghem 2010, Management Science 56(1)",
        ),
    ),
    sources=(GIJSBRECHTS,),
    dynamics=True,
    views=(ORDER_MAP,),
    finite_model=True,
)
