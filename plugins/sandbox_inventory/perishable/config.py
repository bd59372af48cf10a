"""Parameters of a perishable item."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sandbox_inventory.core.config import OrderingConfig
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.lead_times import DESCRIPTION, check_probabilities

Issuing = Literal["fifo", "lifo"]


class PerishableConfig(OrderingConfig):
    """Parameters of the system."""

    life: int = Field(2, ge=1, le=20, description="periods in which a received unit can be sold, m")
    lead_time: int = Field(1, ge=0, le=20, description="periods between order and receipt, L")
    lead_time_probabilities: tuple[float, ...] | None = Field(
        None, min_length=1, max_length=100, description=DESCRIPTION
    )
    issuing: Issuing = Field("fifo", description="oldest or freshest units are sold first")
    penalty: float = Field(5.0, ge=0, le=1e6, description="cost of a lost unit, p, money")
    holding: float = Field(1.0, ge=0, le=1e6, description="cost of a unit kept to the next period, h, money")
    purchase: float = Field(3.0, ge=0, le=1e6, description="price of an ordered unit, c, money")
    waste: float = Field(7.0, ge=0, le=1e6, description="cost of a unit thrown away, w, money")
    price: float = Field(0.0, ge=0, le=1e6, description="revenue of a sold unit, money")
    discount: float = Field(
        1.0, gt=0.5, le=1, description="discount factor of the baseline 'optimal'; 1: average cost"
    )
    demand: Demand = Field(Demand(kind="gamma", mean=4, std=2, whole=True), description="demand of a period")

    @model_validator(mode="after")
    def _lead_times_do_not_cross(self) -> PerishableConfig:
        check_probabilities(self.lead_time_probabilities)
        return self
