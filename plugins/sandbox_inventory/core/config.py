"""Parameters that all tasks share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

OrderKind = Literal["discrete", "continuous"]


class InventoryConfig(BaseModel):
    """Horizon and warm-up; every task adds its own parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    horizon: int = Field(2000, ge=1, le=10_000_000, description="periods of an episode")
    warmup: int = Field(
        0, ge=0, le=9_999_999, description="first periods that metrics leave out (rewards do not), periods"
    )

    @model_validator(mode="after")
    def _warmup_ends_before_the_horizon(self) -> InventoryConfig:
        if self.warmup >= self.horizon:
            raise ValueError(
                f"warmup ({self.warmup}) must be shorter than horizon ({self.horizon}): lower warmup, with "
                "--set warmup=0, say, or raise horizon"
            )
        return self


class OrderingConfig(InventoryConfig):
    """How orders are stated and limited, for tasks in which every item has one limit."""

    orders: OrderKind = Field("discrete", description="whole quantities to choose from, or scaled numbers")
    max_order: float | None = Field(
        None, gt=0, le=1e6, description="largest order of an item, units; follows from order_cover if absent"
    )
    order_cover: float | None = Field(
        None,
        gt=0,
        le=1e4,
        description="largest order in periods of mean demand; what no optimal order exceeds if absent",
    )
