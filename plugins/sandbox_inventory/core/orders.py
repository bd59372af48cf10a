"""How an action says how much to order: whole units to choose from, or a real number to scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from sandbox_inventory.core.model import Array

Kind = Literal["discrete", "continuous"]


@dataclass(frozen=True)
class Orders:
    """Order quantities behind an action space.

    Discrete: the action is the quantity, ``Discrete(most + 1)`` for one order and ``MultiDiscrete`` for
    several. Continuous: a Box in [-1, 1] that stands for [0, most]; rounded to whole units where demand
    is whole, so that integer stock stays integer.

    Args:
        kind: Discrete or continuous.
        most: Largest quantity of each order, units.
        whole: Whether quantities are whole.
        flat: One order without an axis of its own.
    """

    kind: Kind
    most: tuple[float, ...]
    whole: bool
    flat: bool = False

    @property
    def space(self) -> gym.Space[Any]:
        """The action space of one copy."""
        if self.kind == "discrete":
            counts = [int(most) + 1 for most in self.most]
            return gym.spaces.Discrete(counts[0]) if self.flat else gym.spaces.MultiDiscrete(counts)
        return gym.spaces.Box(-1.0, 1.0, (len(self.most),), np.float32)

    def quantities(self, action: Array) -> Array:
        """Units ordered, shape ``(copies, orders)``, or ``(copies,)`` if flat."""
        values = np.asarray(action, np.float64)
        most: Any = self.most[0] if self.flat else np.asarray(self.most)
        if self.kind == "continuous":
            values = values[:, 0] if self.flat else values
            values = (values + 1.0) * (0.5 * most)
            if self.whole:
                values = np.rint(values)
        result: Array = np.minimum(np.maximum(values, 0.0), most)
        return result

    def actions(self, quantities: Array) -> Array:
        """The actions that order ``quantities``, the most there is where they exceed it."""
        most: Any = self.most[0] if self.flat else np.asarray(self.most)
        values = np.minimum(np.maximum(quantities, 0.0), most)
        if self.kind == "discrete":
            whole: Array = np.rint(values).astype(np.int64)
            return whole
        scaled: Array = (2.0 * values / np.maximum(most, 1e-12) - 1.0).astype(np.float32)
        return scaled[:, None] if self.flat else scaled


def orders_of(kind: Kind, most: Sequence[float], whole: bool, flat: bool = False) -> Orders:
    """`Orders`, discrete ones with whole limits."""
    limits = tuple(float(np.ceil(one)) if kind == "discrete" else float(one) for one in most)
    return Orders(kind, limits, whole or kind == "discrete", flat)
