"""Parameters of dual sourcing."""

from __future__ import annotations

from pydantic import Field

from sandbox_inventory.core.config import OrderingConfig
from sandbox_inventory.core.demand.families import Demand


class DualSourcingConfig(OrderingConfig):
    """Parameters of the system."""

    regular_lead_time: int = Field(2, ge=1, le=100, description="periods until a regular order arrives, l_r")
    regular_cost: float = Field(100.0, ge=0, le=1e6, description="price of a regular unit, c_r, money")
    expedited_cost: float = Field(105.0, ge=0, le=1e6, description="price of an expedited unit, c_e, money")
    holding: float = Field(
        5.0, ge=0, le=1e6, description="cost of a unit on hand at the period's end, h, money"
    )
    penalty: float = Field(495.0, ge=0, le=1e6, description="cost of a unit in backlog a period, b, money")
    demand: Demand = Field(
        Demand(kind="uniform", low=0, high=4, whole=True), description="demand of a period"
    )
