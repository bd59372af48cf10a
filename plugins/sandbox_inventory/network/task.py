"""What the network family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import FINITE_HORIZON, PADDED_PIPELINE, inventory_task

PEREZ = "Perez, Hubbs, Li & Grossmann 2021, Processes 9(1), 102"
RULES = "sandbox_inventory.network.rules"

NETWORK = inventory_task(
    "network",
    "A supply network: any acyclic graph",
    family="network",
    config="NetworkConfig",
    default_reward="profit",
    baselines=(
        Baseline(
            "echelon-base-stock", f"{RULES}:make_echelon", "echelon order-up-to levels, optimised", PEREZ
        ),
        Baseline("base-stock", f"{RULES}:make_base_stock", "local order-up-to levels, optimised", PEREZ),
    ),
    bound=True,
    sources=(PEREZ, "Hubbs et al. 2020, OR-Gym, arXiv 2008.06319"),
    expected_failures={**PADDED_PIPELINE, **FINITE_HORIZON},
)
