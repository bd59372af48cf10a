"""Parameters of the newsvendor."""

from __future__ import annotations

from pydantic import Field

from sandbox_inventory.core.config import OrderingConfig, OrderKind
from sandbox_inventory.core.demand.families import Demand


class NewsvendorConfig(OrderingConfig):
    """Parameters of the newsvendor."""

    penalty: float = Field(0.7, ge=0, le=1e6, description="cost of a unit not served, p, money")
    holding: float = Field(0.18, ge=0, le=1e6, description="cost of a unit left over, h, money")
    purchase: float = Field(0.0, ge=0, le=1e6, description="price of an ordered unit, c, money")
    price: float = Field(0.0, ge=0, le=1e6, description="revenue of a sold unit, money")
    demand: Demand = Field(Demand(kind="normal", mean=50, std=8), description="demand of a period")
    orders: OrderKind = Field("continuous", description="whole quantities to choose from, or a scaled number")
