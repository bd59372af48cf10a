"""What the lost-sales family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import COST_LEVELS, ORDER_MAP, inventory_task

ZIPKIN = "Zipkin 2008, Operations Research 56(5)"
RULES = "sandbox_inventory.lost_sales.rules"

LOST_SALES = inventory_task(
    "lost-sales",
    "Lost sales with a lead time",
    family="lost_sales",
    config="LostSalesConfig",
    baselines=(
        Baseline(
            "optimal",
            f"{RULES}:make_optimal",
            "the exact optimum of the average cost, by value iteration",
            ZIPKIN,
            optimal_in="cost",
        ),
        Baseline(
            "capped-base-stock",
            f"{RULES}:make_capped_base_stock",
            "order up to S, at most a cap; both optimised",
            "Xin 2021, Operations Research 69(1)",
        ),
        Baseline("base-stock", f"{RULES}:make_base_stock", "order up to S, optimised", ZIPKIN),
        Baseline(
            "myopic",
            f"{RULES}:make_myopic",
            "least expected cost in the period when the order arrives",
            "Morton 1971; Zipkin 2008",
        ),
        Baseline(
            "myopic-2",
            f"{RULES}:make_myopic2",
            "least expected cost in that period and the next",
            ZIPKIN,
        ),
        Baseline("s-S", f"{RULES}:make_min_max", "(s, S), both optimised", "Bijvank et al. 2015"),
        Baseline(
            "constant-order",
            f"{RULES}:make_constant",
            "the same quantity every period, optimised",
            "Goldberg et al. 2016, Mathematics of Operations Research 41(3)",
        ),
    ),
    sources=("Zipkin 2008, Operations Research 56(5), 1256-1263",),
    dynamics=True,
    views=(ORDER_MAP, COST_LEVELS),
    finite_model=True,
)
