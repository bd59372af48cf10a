"""Parameters of joint replenishment."""

from __future__ import annotations

from pydantic import Field, model_validator

from sandbox_inventory.core.config import OrderingConfig
from sandbox_inventory.core.demand.families import FIELDS_OF_KIND, Demand

MAX_ITEMS = 50


class JointReplenishmentConfig(OrderingConfig):
    """Parameters of the system."""

    fixed_cost: float = Field(20.0, ge=0, le=1e9, description="K, cost of any order (of a truck), money")
    truck_capacity: int | None = Field(
        None, ge=1, le=1_000_000, description="units of a truck; orders then fill whole trucks, K each"
    )
    item_costs: tuple[float, ...] = Field(
        (2.0,),
        min_length=1,
        max_length=MAX_ITEMS,
        description="k_i, cost of including item i, money; a single entry stands for all items",
    )
    means: tuple[float, ...] = Field(
        (2.0, 2.0), min_length=1, max_length=MAX_ITEMS, description="mean demand of each item, units a period"
    )
    demand: Demand = Field(Demand(mean=2), description="family of the items' demand; means replaces its mean")
    demands: tuple[Demand, ...] | None = Field(
        None,
        min_length=1,
        max_length=MAX_ITEMS,
        description="demand of each item, in place of means and demand",
    )
    holding: float = Field(1.0, ge=0, le=1e6, description="h, cost of a unit on hand a period, money")
    penalty: float = Field(9.0, ge=0, le=1e6, description="p, cost of a unit in backlog a period, money")
    holdings: tuple[float, ...] | None = Field(None, description="h_i of each item, if they differ, money")
    penalties: tuple[float, ...] | None = Field(None, description="p_i of each item, if they differ, money")
    discount: float = Field(
        1.0, gt=0.5, le=1, description="discount factor of the baseline 'optimal'; 1: average cost"
    )

    @model_validator(mode="after")
    def _one_entry_an_item(self) -> JointReplenishmentConfig:
        items = self.items
        for name in ("item_costs", "holdings", "penalties"):
            values = getattr(self, name)
            if (
                values is not None
                and len(values) != items
                and not (name == "item_costs" and len(values) == 1)
            ):
                raise ValueError(f"{name} has {len(values)} entries for {items} items")
            if values is not None and min(values) < 0:
                raise ValueError(f"{name} must not be negative")
        if (
            self.demands is None
            and len(set(self.means)) > 1
            and "mean" not in FIELDS_OF_KIND[self.demand.kind]
        ):
            raise ValueError(
                f"means has no effect on demand of kind {self.demand.kind}: give each item's in demands"
            )
        return self

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.demands if self.demands is not None else self.means)

    def item_demands(self) -> tuple[Demand, ...]:
        """Demand of each item."""
        if self.demands is not None:
            return self.demands
        if "mean" not in FIELDS_OF_KIND[self.demand.kind]:
            return (self.demand,) * self.items
        return tuple(self.demand.with_mean(mean) for mean in self.means)
