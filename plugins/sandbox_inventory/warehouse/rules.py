"""Base-stock for one warehouse with retailers."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, tuned_policy
from sandbox_inventory.warehouse.model import Warehouse


def echelon_base_stock(parameters: Array, state: State) -> Array:
    """(S_w, S_r): the warehouse raises the system's position to S_w, each retailer its own to S_r."""
    retailers = state["net"] + state["in_transit"].sum(1)
    system = state["warehouse"] + state["inbound"].sum(1) + retailers.sum(1)
    return positive(np.concatenate([parameters[:, :1] - system[:, None], parameters[:, 1:2] - retailers], 1))


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """An echelon level at the warehouse, one level for all retailers; both optimised."""
    model: Warehouse = env.model
    config = model.config
    periods = config.retailer_lead_time + 1
    retailer_level = np.ceil(model.mean * periods + model.std * np.sqrt(periods))
    system_level = np.ceil(config.retailers * model.mean * (config.warehouse_lead_time + periods))
    return tuned_policy(
        env,
        "warehouse-base-stock",
        echelon_base_stock,
        [system_level, retailer_level],
        [np.ceil(model.scale), 2.0],
        low=[0.0, 0.0],
    )
