"""What the joint-replenishment family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import inventory_task

RULES = "sandbox_inventory.joint_replenishment.rules"

JOINT_REPLENISHMENT = inventory_task(
    "joint-replenishment",
    "Joint replenishment of several items",
    family="joint_replenishment",
    config="JointReplenishmentConfig",
    version=2,
    baselines=(
        Baseline(
            "optimal",
            f"{RULES}:make_optimal",
            "the exact optimum, by value iteration; up to three items, two with trucks",
            optimal_in="cost",
        ),
        Baseline(
            "can-order",
            f"{RULES}:make_can_order",
            "can-order levels (s, c, S) of each kind of item, optimised",
            "Balintfy 1964",
        ),
        Baseline(
            "total-trigger",
            f"{RULES}:make_total_trigger",
            "(Q, S): all items are raised when the total shortfall reaches Q; a level for each kind of item",
            "Renberg & Planche 1967",
        ),
    ),
    bound=True,
    sources=("Vanvuchelen, Gijsbrechts & Boute 2020, Computers in Industry 119",),
)
