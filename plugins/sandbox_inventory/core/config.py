"""Parameters that all tasks share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
            raise ValueError(f"warmup ({self.warmup}) must be shorter than horizon ({self.horizon})")
        return self
