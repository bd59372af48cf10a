"""What the warehouse family offers."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import BULLWHIP, inventory_task

KAYNOV = "Kaynov et al. 2024, International Journal of Production Economics 267"

WAREHOUSE = inventory_task(
    "warehouse",
    "One warehouse, many retailers",
    family="warehouse",
    config="WarehouseConfig",
    baselines=(
        Baseline(
            "base-stock",
            "sandbox_inventory.warehouse.rules:make_base_stock",
            "echelon level at the warehouse, one level for each kind of retailer; all optimised",
            KAYNOV,
        ),
    ),
    bound=True,
    sources=(KAYNOV,),
    views=(BULLWHIP,),
)
