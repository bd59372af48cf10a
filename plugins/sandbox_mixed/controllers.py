"""Control laws from the literature, for arrays of automated vehicles.

Each gives a commanded speed or an acceleration from what the sensors of a vehicle measure; shapes ``(rows,
k)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_mixed.kernels import Floats
from sandbox_mixed.lanes import Local


@dataclass(frozen=True)
class FollowerStopper:
    """Drives at a desired speed and slows down near its leader.

    Stern et al. 2018, Dissipation of stop-and-go waves via control of autonomous vehicles: field experiments,
    Transportation Research C 89, section 3.1.

    Attributes:
        gaps: Δx_k⁰, gaps that bound the zones for equal speeds, m.
        decelerations: d_k, curvature of the zones' bounds, m/s².
    """

    gaps: tuple[float, float, float] = (4.5, 5.25, 6.0)
    decelerations: tuple[float, float, float] = (1.5, 1.0, 0.5)

    def __call__(self, local: Local, desired: Floats) -> Floats:
        """The commanded speed, m/s; ``desired`` is the speed to drive at, m/s."""
        closing = np.minimum(local.ahead - local.speed, 0.0)
        x1, x2, x3 = (
            gap + closing**2 / (2 * braking)
            for gap, braking in zip(self.gaps, self.decelerations, strict=True)
        )
        leader = np.minimum(np.maximum(local.ahead, 0.0), desired)
        near = leader * (local.gap - x1) / (x2 - x1)
        far = leader + (desired - leader) * (local.gap - x2) / (x3 - x2)
        zones = [local.gap <= x1, local.gap <= x2, local.gap <= x3]
        command: Floats = np.select(zones, [np.zeros_like(leader), near, far], desired)
        return command


@dataclass(frozen=True)
class ProportionalIntegral:
    """PI controller with saturation: follows the mean of its own speed.

    Stern et al. 2018, section 3.2; needs the last command.

    Attributes:
        catch_up: Greatest amount above the mean speed, m/s.
        lower: Gap from which on it catches up, m.
        width: Additional gap over which that grows, m.
    """

    catch_up: float = 1.0
    lower: float = 7.0
    width: float = 23.0

    def __call__(self, local: Local, last: Floats) -> Floats:
        """The commanded speed, m/s; ``last`` is the previous one."""
        target = local.mean + self.catch_up * np.clip((local.gap - self.lower) / self.width, 0.0, 1.0)
        safe_gap = np.maximum(2.0 * (local.ahead - local.speed), 4.0)
        alpha = np.clip((local.gap - safe_gap) / 2.0, 0.0, 1.0)
        beta = 1.0 - alpha / 2.0
        command: Floats = beta * (alpha * target + (1.0 - alpha) * local.ahead) + (1.0 - beta) * last
        return np.maximum(command, 0.0)


@dataclass(frozen=True)
class AdaptiveCruise:
    """Adaptive cruise control with a constant time gap.

    Milanés & Shladover 2014, Modeling cooperative and autonomous adaptive cruise control dynamic responses
    using experimental data, Transportation Research C 48, eq. 4: a = k1 (gap - s0 - T v) + k2 (w - v).

    Attributes:
        gap_gain: k1, 1/s².
        speed_gain: k2, 1/s.
        headway: T, s.
        standstill: s0, m.
    """

    gap_gain: float = 0.23
    speed_gain: float = 0.07
    headway: float = 1.1
    standstill: float = 2.0

    def __call__(self, local: Local) -> Floats:
        """The acceleration, m/s²."""
        error = local.gap - self.standstill - self.headway * local.speed
        acceleration: Floats = self.gap_gain * error + self.speed_gain * (local.ahead - local.speed)
        return acceleration
