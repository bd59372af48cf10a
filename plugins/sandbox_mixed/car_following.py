"""The intelligent driver model (IDM), and what follows from it for vehicles in equilibrium.

Treiber, Hennecke & Helbing 2000, Congested traffic states in empirical observations and microscopic
simulations, Physical Review E 62, eq. 1-4:

    dv/dt = a [1 - (v/v0)^δ - (s*/s)²],    s* = s0 + max(0, v T + v (v - w) / (2 √(a b)))

with the speed v of a driver, w of the vehicle ahead, and the gap s from bumper to bumper.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sandbox_mixed.jit import njit

Speed = TypeVar("Speed", float, NDArray[np.float64])

MIN_GAP = 0.01
"""Smallest gap that the model divides by, m."""


class Idm(NamedTuple):
    """Parameters of a human driver.

    Attributes:
        desired_speed: v0, m/s.
        headway: T, time gap, s.
        acceleration: a, m/s².
        deceleration: b, comfortable braking, m/s².
        standstill: s0, gap to a standing vehicle, m.
        exponent: δ.
        noise: Standard deviation of the random acceleration over one second, m/s²; a step of dt seconds has
            noise · √dt.
        emergency: Hardest braking, m/s²: SUMO's emergencyDecel.
        length: Of a vehicle, m.
    """

    desired_speed: float = 30.0
    headway: float = 1.0
    acceleration: float = 1.0
    deceleration: float = 1.5
    standstill: float = 2.0
    exponent: float = 4.0
    noise: float = 0.2
    emergency: float = 9.0
    length: float = 5.0


@njit
def idm_acceleration(speed: float, ahead: float, gap: float, driver: Idm) -> float:
    """Acceleration of a human driver without noise, m/s².

    Args:
        speed: Of the driver, m/s.
        ahead: Speed of the vehicle ahead, m/s.
        gap: From bumper to bumper, m.
        driver: The driver.
    """
    root = 2.0 * math.sqrt(driver.acceleration * driver.deceleration)
    wanted = driver.standstill + max(0.0, speed * driver.headway + speed * (speed - ahead) / root)
    ratio = wanted / max(gap, MIN_GAP)
    free = (speed / driver.desired_speed) ** driver.exponent
    change: float = driver.acceleration * (1.0 - free - ratio * ratio)
    return change


def equilibrium_gap(speed: Speed, driver: Idm) -> Speed:
    """The gap at which drivers keep a common speed, m: (s0 + v T) / √(1 - (v/v0)^δ); also of an array."""
    gap: Speed = (driver.standstill + speed * driver.headway) / np.sqrt(
        1.0 - (speed / driver.desired_speed) ** driver.exponent
    )
    return gap


def equilibrium_speed(gap: float, driver: Idm) -> float:
    """The common speed of drivers who all have this gap, m/s; 0 at the standstill gap and below it."""
    low, high = 0.0, driver.desired_speed * (1.0 - 1e-12)
    if gap <= driver.standstill:
        return 0.0
    for _ in range(80):
        middle = (low + high) / 2.0
        if equilibrium_gap(middle, driver) < gap:
            low = middle
        else:
            high = middle
    return low


def ring_equilibrium(length: float, vehicles: int, driver: Idm) -> float:
    """Speed of uniform flow on a ring, m/s: every vehicle has the gap L/n - vehicle length."""
    return equilibrium_speed(length / vehicles - driver.length, driver)


def ring_bound(length: float, vehicles: int, driver: Idm, automated: int = 1) -> float:
    """Speed of uniform flow if automated vehicles needed no gap at all, m/s.

    Human drivers then share the whole free length: no stationary flow of these drivers is faster.
    """
    humans = max(vehicles - automated, 1)
    return equilibrium_speed((length - vehicles * driver.length) / humans, driver)
