"""Parameters of one item with backorders."""

from __future__ import annotations

from pydantic import Field, model_validator

from sandbox_inventory.core.config import OrderingConfig
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.lead_times import DESCRIPTION, check_probabilities


class BackordersConfig(OrderingConfig):
    """Parameters of the system."""

    lead_time: int = Field(0, ge=0, le=100, description="periods between order and receipt")
    lead_time_probabilities: tuple[float, ...] | None = Field(
        None, min_length=1, max_length=100, description=DESCRIPTION
    )
    penalty: float = Field(9.0, ge=0, le=1e6, description="cost of a unit in backlog a period, p, money")
    holding: float = Field(
        1.0, ge=0, le=1e6, description="cost of a unit on hand at the period's end, h, money"
    )
    purchase: float = Field(0.0, ge=0, le=1e6, description="price of an ordered unit, c, money")
    fixed_cost: float = Field(64.0, ge=0, le=1e9, description="cost of placing an order, K, money")
    price: float = Field(0.0, ge=0, le=1e6, description="revenue of a delivered unit, money")
    demand: Demand = Field(Demand(mean=10), description="demand of a period")
    initial_stock: float = Field(0.0, ge=-1e6, le=1e6, description="net stock at the start, units")

    @model_validator(mode="after")
    def _lead_times_do_not_cross(self) -> BackordersConfig:
        check_probabilities(self.lead_time_probabilities)
        return self
