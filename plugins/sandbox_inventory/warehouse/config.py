"""Parameters of one warehouse with retailers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.orders import OrderKind


class WarehouseConfig(InventoryConfig):
    """Parameters of the system; retailers differ in their mean demand only."""

    horizon: int = Field(100, ge=1, le=10_000_000, description="periods of an episode")
    retailers: int = Field(3, ge=1, le=100, description="number of retailers")
    warehouse_lead_time: int = Field(2, ge=0, le=50, description="periods from outside to the warehouse")
    retailer_lead_time: int = Field(1, ge=0, le=50, description="periods from the warehouse to a retailer")
    warehouse_holding: float = Field(0.5, ge=0, le=1e6, description="h_w, cost of a unit a period, money")
    holding: float = Field(1.0, ge=0, le=1e6, description="h_r, cost of a unit at a retailer a period, money")
    transit: float = Field(
        0.0, ge=0, le=1e6, description="cost of a unit in transit to a retailer a period, money"
    )
    penalty: float = Field(9.0, ge=0, le=1e6, description="p, cost of a missing unit, money")
    lost: bool = Field(False, description="unmet demand is lost instead of in backlog")
    allocation: Literal["proportional", "min-shortage"] = Field(
        "proportional", description="how a short warehouse is shared: by orders, or to even out positions"
    )
    demand: Demand = Field(Demand(mean=3), description="demand of a retailer a period")
    means: tuple[float, ...] | None = Field(
        None, description="mean of each retailer's demand, if they differ"
    )
    orders: OrderKind = Field("discrete", description="whole quantities to choose from, or scaled numbers")
    max_order: float | None = Field(
        None, gt=0, le=1e6, description="largest order of a retailer, units; mean + 6 std if absent"
    )
    initial_stock: float = Field(0.0, ge=0, le=1e6, description="at each retailer at the start, units")
    initial_warehouse: float = Field(0.0, ge=0, le=1e6, description="at the warehouse at the start, units")

    @model_validator(mode="after")
    def _one_mean_a_retailer(self) -> WarehouseConfig:
        if self.means is not None and len(self.means) != self.retailers:
            raise ValueError(f"means needs {self.retailers} entries, one a retailer")
        return self
