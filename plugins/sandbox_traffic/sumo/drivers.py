"""Drivers who depart after a moment, drawn again: their desired speed."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

SLOWEST, FASTEST = 0.2, 2.0
"""Bounds of a speed factor in SUMO: a normal distribution that is cut off there."""


class Drivers:
    """Gives every vehicle that departs a speed factor of its type's distribution.

    A vehicle's draw depends on the seed and its name alone, so that it is the same in two simulations
    whatever their signals show.

    Args:
        sumo: libsumo.
        seed: Of the draws.
    """

    def __init__(self, sumo: Any, seed: int) -> None:
        self._sumo, self._seed = sumo, seed
        self._types: dict[str, tuple[float, float]] = {}

    def draw(self) -> None:
        """Draw the drivers who have departed in the latest step of the simulation."""
        vehicle = self._sumo.vehicle
        present: frozenset[str] | None = None
        for name in self._sumo.simulation.getDepartedIDList():
            present = frozenset(vehicle.getIDList()) if present is None else present
            if name not in present:  # it has left the network already
                continue
            mean, deviation = self._distribution(vehicle.getTypeID(name))
            if deviation > 0:
                vehicle.setSpeedFactor(name, speed_factor(self._seed, name, mean, deviation))

    def _distribution(self, kind: str) -> tuple[float, float]:
        """Mean and standard deviation of a type's speed factor."""
        if kind not in self._types:
            types = self._sumo.vehicletype
            self._types[kind] = float(types.getSpeedFactor(kind)), float(types.getSpeedDeviation(kind))
        return self._types[kind]


def speed_factor(seed: int, vehicle: str, mean: float, deviation: float) -> float:
    """Desired speed of a driver as a multiple of the limit: normal, cut off as SUMO cuts it off.

    Args:
        seed: Of all drivers.
        vehicle: SUMO's id.
        mean, deviation: Of the vehicle's type.
    """
    rng = np.random.default_rng([seed, zlib.crc32(vehicle.encode())])
    for _ in range(1000):
        factor = float(rng.normal(mean, deviation))
        if SLOWEST <= factor <= FASTEST:
            return factor
    return mean
