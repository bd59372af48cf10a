"""Parameters of a serial system."""

from __future__ import annotations

from pydantic import Field, model_validator

from sandbox_inventory.core.config import OrderingConfig, OrderKind
from sandbox_inventory.core.demand.families import Demand


class SerialConfig(OrderingConfig):
    """Parameters of the system, stage 1 (downstream) first."""

    lead_times: tuple[int, ...] = Field((0, 1, 2), min_length=1, max_length=10, description="L_j, periods")
    echelon_holding: tuple[float, ...] = Field(
        (3.0, 2.0, 2.0),
        min_length=1,
        max_length=10,
        description="h_j, cost of a unit in echelon j a period, money",
    )
    penalty: float = Field(37.12, ge=0, le=1e6, description="cost of a unit in backlog a period, p, money")
    demand: Demand = Field(Demand(kind="normal", mean=5, std=1), description="demand of a period")
    orders: OrderKind = Field("continuous", description="whole quantities to choose from, or scaled numbers")

    @model_validator(mode="after")
    def _one_entry_a_stage(self) -> SerialConfig:
        if len(self.lead_times) != len(self.echelon_holding):
            raise ValueError(
                f"lead_times has {len(self.lead_times)} entries and echelon_holding "
                f"{len(self.echelon_holding)}: give both one entry a stage"
            )
        if any(not 0 <= time <= 50 for time in self.lead_times):
            raise ValueError("lead times must lie in 0 … 50 periods")
        if any(rate <= 0 for rate in self.echelon_holding):
            raise ValueError("echelon holding rates must be greater than 0")
        return self
