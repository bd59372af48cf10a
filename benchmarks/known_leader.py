"""The automated vehicle of a platoon that knows all that its leader will do: a yardstick for controllers.

It follows the smoothest trajectory that keeps a time gap,

    min  Σ a_t² - μ Σ x_t   subject to   x_t + 5 m + s0 + T v_t ≤ X_t,  v_t ≥ 0,

with X the leader's positions every second and μ the price of being behind. That is a quadratic program,
solved for all episodes at once by the alternating direction method of multipliers (Boyd et al. 2011,
Foundations and Trends in Machine Learning 3(1), section 5). Squared acceleration stands for fuel, so it is a
yardstick and no proven bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

STANDSTILL, TIME_GAP, VEHICLE = 2.0, 1.3, 5.0
"""s0, m; T, s, at which the gap filter never acts; length of a vehicle, m."""

ITERATIONS, PENALTY, FIXED = 1500, 1.0, 1e4
"""Of the method; ρ; weight of the first position, which is given."""


def smoothest(leader: Reals, start: Reals, speed: Reals, price: float) -> Reals:
    """Positions every second.

    Args:
        leader: Positions of the leader every second, m, shape ``(episodes, seconds + 1)``.
        start: First positions, m, shape ``(episodes,)``.
        speed: First speeds, m/s, shape ``(episodes,)``.
        price: μ, m/s⁴.
    """
    episodes, moments = leader.shape
    velocity = np.diff(np.eye(moments), axis=0)
    change = np.vstack([velocity[:1], np.diff(velocity, axis=0)])  # the first one from the given speed
    constraints = np.vstack([-np.eye(moments)[1:] - TIME_GAP * velocity, velocity])
    room = np.hstack([leader[:, 1:] - VEHICLE - STANDSTILL, np.zeros((episodes, moments - 1))])
    curvature = 2.0 * change.T @ change
    curvature[0, 0] += FIXED
    slope = np.full((episodes, moments), -price) - 2.0 * speed[:, None] * change[0]
    slope[:, 0] -= FIXED * start
    inverse = np.linalg.inv(curvature + PENALTY * constraints.T @ constraints)
    slack, dual = np.zeros((2, episodes, len(constraints)))
    positions = np.zeros((episodes, moments))
    for _ in range(ITERATIONS):
        positions = (PENALTY * (slack - dual - room) @ constraints - slope) @ inverse
        left = positions @ constraints.T + room
        slack = np.maximum(left + dual, 0.0)
        dual += left - slack
    return positions


class KnownLeader:
    """The policy; decisions are every second.

    Args:
        envs: Vector environments of the platoon with one automated vehicle.
        price: See `smoothest`.
    """

    def __init__(self, envs: Any, price: float) -> None:
        self._core, self._price = envs.core, price
        self._plan, self._time = np.zeros((0, 0)), 0

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Plan all episodes."""
        core = self._core
        every = core.config.decision_steps
        lanes = core.traffic.lanes
        way = np.cumsum(core.leader, axis=1)[:, every - 1 :: every] * core.config.dt
        leader = np.hstack([np.zeros((num_envs, 1)), way])
        first = lanes.position[:, -1]
        plan = smoothest(leader, lanes.position[:, -2] - first, lanes.speed[:, -2], self._price)
        self._plan, self._time = plan + first[:, None], 0

    def act(self, observation: Any) -> Any:
        """Accelerations that lead to the plan's place in two seconds, as shares of the greatest."""
        lanes = self._core.traffic.lanes
        ahead = self._plan[:, min(self._time + 2, self._plan.shape[1] - 1)]
        self._time += 1
        wanted = (ahead - lanes.position[:, -2] - 2.0 * lanes.speed[:, -2]) / 2.1
        return np.clip(wanted / self._core.config.max_acceleration, -1.0, 1.0)[:, None].astype(np.float32)
