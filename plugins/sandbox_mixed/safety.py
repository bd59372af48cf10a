"""The gap filter: the highest speed from which a vehicle can still stop behind any leader.

Time advances in steps of dt; in a step a vehicle takes its new speed v' and moves by v' dt (SUMO's Euler
update). Braking with b from speed v takes the speeds v - b dt, v - 2 b dt, …, and with m = ⌊v / (b dt)⌋ the
way to standstill is

    D_b(v) = dt (m v - b dt m (m + 1) / 2).

D_b increases, and D_b(v + b dt) = v dt + D_b(v).

**The filter.** With gap g, leader's speed w, at least the gap s0 to be left, leaders that brake with at most
b_l, and a follower that can brake with b_f ≤ b_l, the new speed v' is limited such that

    v' dt + D_{b_f}(v')  ≤  R := g - s0 + D_{b_l}(w).

The left side is D_{b_f}(v' + b_f dt), hence v' ≤ D_{b_f}⁻¹(R) - b_f dt.

**Why no gap below s0 ever follows.** Let S(g, v, w) = g - s0 + D_{b_l}(w) - D_{b_f}(v) be the slack, S ≥ 0 at
the beginning.

1. There is always a permitted speed: full braking, v⁻ = max(0, v - b_f dt), has v⁻ dt + D_{b_f}(v⁻) =
   D_{b_f}(v) ≤ R because S ≥ 0.
2. The slack stays: the leader's new speed is w' ≥ w⁻ = max(0, w - b_l dt), so w' dt + D_{b_l}(w') ≥ w⁻ dt +
   D_{b_l}(w⁻) = D_{b_l}(w); with g' = g + (w' - v') dt,
   S' = g' - s0 + D_{b_l}(w') - D_{b_f}(v') ≥ R - v' dt - D_{b_f}(v') ≥ 0.
3. The gap stays: if D_{b_f}(v') ≥ D_{b_l}(w'), then S' ≥ 0 gives g' ≥ s0. Otherwise, as b_f ≤ b_l makes
   D_{b_f} ≥ D_{b_l} at every speed, v' < w', and the gap has grown. ∎

It is the worst-case rule of Shalev-Shwartz et al. 2017 (On a formal model of safe and scalable self-driving
cars, arXiv 1708.06374, definition 1) without a response time beyond one step, exact for discrete time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sandbox_mixed.jit import njit


class GapFilter(NamedTuple):
    """What the filter assumes.

    Attributes:
        braking: b_f, hardest braking of the automated vehicle, m/s².
        leader_braking: b_l, hardest braking of any leader, m/s²; at least ``braking``.
        min_gap: s0, the gap that is always left, m.
    """

    braking: float = 4.5
    leader_braking: float = 9.0
    min_gap: float = 1.0


@njit
def stopping_distance(speed: float, braking: float, dt: float) -> float:
    """D_b(v), m: the way from ``speed`` (m/s) to standstill, braking with ``braking`` (m/s²)."""
    steps = math.floor(speed / (braking * dt))
    return dt * (steps * speed - braking * dt * steps * (steps + 1.0) / 2.0)


@njit
def stoppable_speed(distance: float, braking: float, dt: float) -> float:
    """D_b⁻¹, m/s: the highest speed from which ``distance`` (m, not negative) suffices to stop."""
    unit = braking * dt * dt
    steps = math.floor((1.0 + math.sqrt(1.0 + 8.0 * distance / unit)) / 2.0)
    at_node = unit * steps * (steps - 1.0) / 2.0
    return steps * braking * dt + (distance - at_node) / (steps * dt)


@njit
def safe_speed(speed: float, ahead: float, gap: float, dt: float, limits: GapFilter) -> float:
    """The highest permitted speed of the next step, m/s.

    Where there is none, because the gap is too small already, it is that of full braking.

    Args:
        speed: Of the follower, m/s.
        ahead: Of the leader, m/s.
        gap: From bumper to bumper, m.
        dt: Step, s.
        limits: What is assumed.
    """
    braked = max(0.0, speed - limits.braking * dt)
    room = gap - limits.min_gap + stopping_distance(ahead, limits.leader_braking, dt)
    if room < 0.0:
        return braked
    return max(braked, stoppable_speed(room, limits.braking, dt) - limits.braking * dt)
