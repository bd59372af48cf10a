"""Parameters of the beer game."""

from __future__ import annotations

from pydantic import Field

from sandbox_inventory.core.config import OrderingConfig
from sandbox_inventory.core.demand.families import Demand


class BeerGameConfig(OrderingConfig):
    """Parameters of the game; the defaults are those of the board."""

    horizon: int = Field(36, ge=1, le=100_000, description="weeks of a game")
    holding: float = Field(0.5, ge=0, le=1e6, description="cost of a case in stock a week, h, money")
    penalty: float = Field(1.0, ge=0, le=1e6, description="cost of a case in backlog a week, b, money")
    order_delay: int = Field(
        2, ge=1, le=20, description="weeks until an order is with the supplier, 2 on the board"
    )
    shipping_delay: int = Field(2, ge=1, le=20, description="weeks until a shipment arrives")
    production_delay: int = Field(1, ge=1, le=20, description="weeks of brewing")
    initial_stock: float = Field(12.0, ge=0, le=1e6, description="in stock at each station, cases")
    initial_flow: float = Field(
        4.0, ge=0, le=1e6, description="in every week of the order mail and of the shipments, cases"
    )
    demand: Demand = Field(
        Demand(kind="trace", values=(4, 4, 4, 8)), description="customers' demand of a week"
    )
    order_cover: float | None = Field(
        8.0, gt=0, le=1e4, description="largest order in weeks of mean demand; 8 are 40 cases on the board"
    )
