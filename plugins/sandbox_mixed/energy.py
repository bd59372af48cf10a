"""Fuel of a passenger car as a function of speed and acceleration.

The simplified model of a midsize SUV (1,897 kg, gasoline) of the CIRCLES project, version 3.1 of 2023, whose
coefficients were fitted to a full vehicle model: Lee et al. 2021, Integrated framework of vehicle dynamics,
instabilities, energy models, and sparse flow smoothing controllers, arXiv 2104.11267; coefficients as
published with the I-24 MOTION data of the MegaVanderTest. On a flat road:

    f(v, a) = C0 + C1 v + C3 v³ + p0 a + p1 a v + p2 a v² + q1 a₊² v     [g/s]

with a₊ = max(a, -(p0 + p1 v + p2 v²) / (2 q1 v)); at least the idle rate up to the speed v_c of fuel
cut-off, and zero above it when braking harder than a_b(v) = a0 + a1 v + a3 v².
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox_mixed.jit import njit

DENSITY = 749.0
"""Of gasoline, g/l."""

IDLE = 0.1637
CUT_OFF_SPEED = 9.16
C0, C1, C3 = 0.22498, 0.021292, 3.7654e-05
P0, P1, P2 = 0.17419, 0.094617, 0.00071347
Q1 = 0.02884
A0, A1, A3 = -0.26854, -0.0015267, -0.00032843


def kinetic_fuel(speed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fuel that it takes to reach a speed from standstill by the part of the rate linear in a, g.

    It is the integral of p0 + p1 v + p2 v² over v. What is burned beyond its change is not in the vehicle's
    speed: rolling, drag, idling, and what brakes have turned into heat.
    """
    fuel: NDArray[np.float64] = P0 * speed + P1 * speed**2 / 2.0 + P2 * speed**3 / 3.0
    return fuel


@njit
def fuel_rate(speed: float, acceleration: float) -> float:
    """Fuel, g/s, at a speed (m/s, not negative) and an acceleration (m/s²) on a flat road."""
    if speed < 0.1 and abs(acceleration) < 0.01:
        return IDLE
    if speed > CUT_OFF_SPEED and acceleration <= A0 + A1 * speed + A3 * speed * speed:
        return 0.0
    linear = P0 + P1 * speed + P2 * speed * speed
    upper = max(acceleration, -linear / (2.0 * Q1 * max(speed, 1e-12)))
    rate = C0 + C1 * speed + C3 * speed**3 + linear * acceleration + Q1 * upper * upper * speed
    return max(rate, IDLE if speed <= CUT_OFF_SPEED else 0.0)
