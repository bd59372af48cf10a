"""How an action states order quantities: a whole number to choose, or a real number that is scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand

OrderKind = Literal["discrete", "continuous"]


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
    """`Orders` whose limits are whole numbers if they are discrete."""
    limits = tuple(float(np.ceil(limit)) if kind == "discrete" else float(limit) for limit in max_quantity)
    return Orders(kind, limits, whole or kind == "discrete", flat)


def default_max_order(demand: Demand, fixed_cost: float, holding: float) -> float:
    """An upper limit for one item with a fixed cost: mean + 6 standard deviations + 1.5 economic lots."""
    mean, std = mean_and_std(demand)
    lot = np.sqrt(2 * fixed_cost * mean / holding) if holding > 0 else 0.0
    return float(max(1.0, np.ceil(mean + 6 * std + 1.5 * lot)))
