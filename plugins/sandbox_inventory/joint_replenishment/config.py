"""Parameters of joint replenishment."""

from __future__ import annotations

from pydantic import Field

from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.orders import OrderKind


class JointReplenishmentConfig(InventoryConfig):
    """Parameters of the system."""

    fixed_cost: float = Field(20.0, ge=0, le=1e9, description="K, cost of any order, money")
    item_costs: tuple[float, ...] = Field(
        (2.0, 2.0), min_length=1, max_length=50, description="k_i, cost of including item i, money"
    )
    means: tuple[float, ...] = Field(
        (2.0, 2.0), min_length=1, max_length=50, description="mean demand of each item, units a period"
    )
    demand: Demand = Field(Demand(mean=2), description="family of the items' demand; means replaces its mean")
    holding: float = Field(1.0, ge=0, le=1e6, description="h, cost of a unit on hand a period, money")
    penalty: float = Field(9.0, ge=0, le=1e6, description="p, cost of a unit in backlog a period, money")
    orders: OrderKind = Field("discrete", description="whole quantities to choose from, or scaled numbers")
    max_order: float = Field(16.0, gt=0, le=1e6, description="largest order of an item, units")
