"""Parameters of one warehouse with retailers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sandbox_inventory.core.config import OrderingConfig
from sandbox_inventory.core.demand.families import FIELDS_OF_KIND, Demand


class WarehouseConfig(OrderingConfig):
    """Parameters of the system; retailers may differ in demand and lead time."""

    horizon: int = Field(100, ge=1, le=10_000_000, description="periods of an episode")
    retailers: int = Field(3, ge=1, le=100, description="number of retailers")
    warehouse_lead_time: int = Field(2, ge=0, le=50, description="periods from outside to the warehouse")
    retailer_lead_time: int = Field(1, ge=0, le=50, description="periods from the warehouse to a retailer")
    retailer_lead_times: tuple[int, ...] | None = Field(
        None, description="lead time of each retailer, if they differ, periods"
    )
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
    demands: tuple[Demand, ...] | None = Field(
        None, description="demand of each retailer a period, in place of demand and means"
    )
    initial_stock: float = Field(0.0, ge=0, le=1e6, description="at each retailer at the start, units")
    initial_warehouse: float = Field(0.0, ge=0, le=1e6, description="at the warehouse at the start, units")

    @model_validator(mode="after")
    def _one_entry_a_retailer(self) -> WarehouseConfig:
        for name in ("means", "demands", "retailer_lead_times"):
            values = getattr(self, name)
            if values is not None and len(values) != self.retailers:
                raise ValueError(f"{name} needs {self.retailers} entries, one a retailer")
        if self.means is not None and self.demands is not None:
            raise ValueError("means and demands both state the retailers' demand: give one of them")
        if self.means is not None and "mean" not in FIELDS_OF_KIND[self.demand.kind]:
            raise ValueError(
                f"means has no effect on demand of kind {self.demand.kind}: give each retailer's in demands"
            )
        if any(not 0 <= time <= 50 for time in self.retailer_lead_times or ()):
            raise ValueError("lead times must lie in 0 … 50 periods")
        return self

    @property
    def lead_times(self) -> tuple[int, ...]:
        """Lead time of each retailer, periods."""
        return self.retailer_lead_times or (self.retailer_lead_time,) * self.retailers

    def retailer_demands(self) -> tuple[Demand, ...]:
        """Demand of each retailer."""
        if self.demands is not None:
            return self.demands
        if self.means is not None:
            return tuple(self.demand.with_mean(mean) for mean in self.means)
        return (self.demand,) * self.retailers
