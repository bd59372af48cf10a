"""Parameters of many items."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sandbox.api import InputFile
from sandbox_inventory.core.config import InventoryConfig, OrderKind


class SkusConfig(InventoryConfig):
    """Parameters of the system."""

    horizon: int = Field(100, ge=1, le=1_000_000, description="periods of an episode")
    traces: Annotated[str, InputFile()] = Field(
        "generated:", min_length=1, description="CSV or Parquet file with period, sku, demand; or generated:"
    )
    step: Literal["auto", "number", "day", "week", "month"] = Field(
        "auto", description="what a period of the file is; inferred from its periods by default"
    )
    items: int = Field(20, ge=1, le=5_000, description="items that are generated")
    periods: int = Field(1460, ge=20, le=100_000, description="periods that are generated")
    generator_seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the generated traces")
    part: Literal["first", "last", "all"] = Field("first", description="part of the traces that is played")
    split: float = Field(0.7, gt=0, lt=1, description="share of the periods that makes the first part, 1")
    lead_time: int = Field(3, ge=1, le=50, description="periods between order and receipt")
    holding: float = Field(
        0.02, ge=0, le=1e6, description="cost of a unit on hand a period, per unit price, money"
    )
    penalty: float = Field(
        0.2, ge=0, le=1e6, description="goodwill cost of a lost unit, per unit price, money"
    )
    margin: float = Field(0.3, ge=0, le=1e6, description="revenue less price of a sold unit, money")
    fixed_cost: float = Field(0.5, ge=0, le=1e6, description="cost of an order of an item, money")
    orders: OrderKind = Field("continuous", description="whole quantities to choose from, or scaled numbers")
    cover: float = Field(
        30.0, gt=0, le=1000, description="largest order, in periods of an item's mean demand"
    )
