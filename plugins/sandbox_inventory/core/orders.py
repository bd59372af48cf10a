"""How an action states order quantities: a whole number to choose, or a real number that is scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.config import OrderingConfig, OrderKind
from sandbox_inventory.core.demand.distribution import largest_demand, mean_and_std
from sandbox_inventory.core.demand.families import FIELDS_OF_KIND, Demand

ROUNDING = 1e-9
"""Error of a limit that was computed."""

LOTS = 1.5
"""Economic lots that the largest order leaves room for: an optimal order may be somewhat larger than one."""


@dataclass(frozen=True)
class Orders:
    """Order quantities behind an action space.

    - Discrete: the action is the quantity; ``Discrete(max + 1)`` for one order, ``MultiDiscrete`` for
      several.
    - Continuous: a ``Box`` in [-1, 1] that stands for [0, max], rounded to whole units where demand is whole
      so that stock stays whole.

    Args:
        kind: Discrete or continuous.
        max_quantity: Largest quantity of each order, units.
        whole: Whether quantities are whole numbers.
        flat: One order, whose quantities have shape ``(num_envs,)`` instead of ``(num_envs, 1)``.
    """

    kind: OrderKind
    max_quantity: tuple[float, ...]
    whole: bool
    flat: bool = False

    @property
    def space(self) -> gym.Space[Any]:
        """Action space of one environment."""
        if self.kind == "discrete":
            counts = [int(quantity) + 1 for quantity in self.max_quantity]
            return gym.spaces.Discrete(counts[0]) if self.flat else gym.spaces.MultiDiscrete(counts)
        return gym.spaces.Box(-1.0, 1.0, (len(self.max_quantity),), np.float32)

    def quantities(self, action: Array) -> Array:
        """Units ordered, shape ``(num_envs, orders)``, or ``(num_envs,)`` if flat."""
        values, limit = np.asarray(action, np.float64), self._limit
        if self.kind == "continuous":
            values = values[:, 0] if self.flat else values
            values = (values + 1.0) * (0.5 * limit)
            if self.whole:
                values = np.rint(values)
        result: Array = np.minimum(np.maximum(values, 0.0), limit)
        return result

    def relaxed(self, action: Array, xp: ModuleType) -> Array:
        """Units ordered by continuous actions, not rounded: rounding has no gradient.

        Args:
            action: Arrays of any library, shape ``(num_envs, orders)``.
            xp: Its namespace.
        """
        if self.flat:
            half = 0.5 * self.max_quantity[0]
            clipped: Array = xp.clip((action[:, 0] + 1.0) * half, 0.0, self.max_quantity[0])
            return clipped
        columns = [
            xp.clip((action[:, order] + 1.0) * (0.5 * limit), 0.0, limit)
            for order, limit in enumerate(self.max_quantity)
        ]
        stacked: Array = xp.stack(columns, axis=1)
        return stacked

    def rounded(self, action: Array, xp: ModuleType) -> Array:
        """The continuous actions that stand for the whole quantities which are ordered by these ones.

        Args:
            action: Arrays of any library, shape ``(num_envs, orders)``.
            xp: Its namespace.
        """
        if not self.whole:
            return action
        columns = []
        for order, limit in enumerate(self.max_quantity):
            inside = xp.clip((action[:, order] + 1.0) * (0.5 * limit), 0.0, limit)
            columns.append(xp.round(inside) / (0.5 * limit) - 1.0)
        stacked: Array = xp.stack(columns, axis=1)
        return stacked

    def actions(self, quantities: Array) -> Array:
        """The actions that order ``quantities``, clipped to what can be ordered."""
        limit = self._limit
        values = np.minimum(np.maximum(quantities, 0.0), limit)
        if self.kind == "discrete":
            whole: Array = np.rint(values).astype(np.int64)
            return whole
        scaled: Array = (2.0 * values / np.maximum(limit, 1e-12) - 1.0).astype(np.float32)
        return scaled[:, None] if self.flat else scaled

    @property
    def _limit(self) -> Any:
        return self.max_quantity[0] if self.flat else np.asarray(self.max_quantity)


def make_orders(kind: OrderKind, max_quantity: Sequence[float], whole: bool, flat: bool = False) -> Orders:
    """`Orders`; where quantities are whole, a limit between two whole numbers is the lower one.

    Raises:
        InvalidValueError: If no unit can be ordered.
    """
    whole = whole or kind == "discrete"
    limits = tuple(float(np.floor(limit + ROUNDING)) if whole else float(limit) for limit in max_quantity)
    if min(limits) <= 0:
        raise InvalidValueError(
            f"Orders of at most {min(max_quantity):g} units hold no whole unit.",
            "Raise the limit to 1 or more; demand in fractions of a unit takes orders in fractions as well.",
        )
    return Orders(kind, limits, whole, flat)


def order_limit(
    config: OrderingConfig,
    demand: Demand,
    *,
    fixed_cost: float = 0.0,
    holding: float = 0.0,
    penalty: float = 0.0,
) -> float:
    """Largest order of an item, units.

    It is ``config.max_order`` where that is given; else ``config.order_cover`` periods of mean demand; else
    what no optimal order exceeds: a demand that is exceeded with a probability below 1e-9 (at least twice the
    mean, so that a backlog ends even if demand does not vary), plus 1.5 economic lots.

    Args:
        config: Says how orders are limited.
        demand: The item's demand.
        fixed_cost, holding, penalty: K, h and p of the item, for its economic lot √(2·K·mean·(h + p)/(h·p)).
    """
    if config.max_order is not None:
        return config.max_order
    # The mean as it is stated: truncation and rounding do not make the limit of a scenario an odd number.
    mean = demand.mean if "mean" in FIELDS_OF_KIND[demand.kind] else mean_and_std(demand)[0]
    if config.order_cover is not None:
        limit = config.order_cover * mean
    else:
        lot = 0.0
        if fixed_cost > 0 and holding > 0 and penalty > 0:
            lot = float(np.sqrt(2 * fixed_cost * mean * (holding + penalty) / (holding * penalty)))
        limit = max(largest_demand(demand), 2.0 * mean) + LOTS * lot
    return float(max(1.0, np.ceil(round(limit, 9))))
