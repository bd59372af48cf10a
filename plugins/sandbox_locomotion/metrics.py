"""Metrics of an episode: sums over its steps, and what follows from them at the end."""

from __future__ import annotations

import numpy as np

from sandbox_locomotion.arrays import Flags, Floats, row_sums
from sandbox_locomotion.transition import Transition

MIN_DISTANCE = 1.0
"""Distance below which the cost of transport is `MAX_COST_OF_TRANSPORT`, m."""
MIN_WEIGHT = 1e-9
"""Weight from which the cost of transport is computed for a robot without any, N."""
MAX_COST_OF_TRANSPORT = 1000.0
"""Upper bound of the reported cost of transport: a robot that stands still must not look efficient."""

Sums = dict[str, Floats]
"""Sums over the current episodes, ``(n,)`` each: ``steps``; ``travelled``, m; ``work`` of the motors, J;
``velocity_error``, m/s, and ``turn_error``, rad/s, summed over steps."""


def zero_sums(num_envs: int) -> Sums:
    """The sums before the first step."""
    names = ("steps", "travelled", "work", "velocity_error", "turn_error")
    return {name: np.zeros(num_envs) for name in names}


def add_step(sums: Sums, step: Transition, commanded: bool) -> None:
    """Add a control step; the errors stay zero where no command is followed."""
    sums["steps"] += 1
    sums["travelled"] += step.forward_speed * step.dt
    sums["work"] += step.power * step.dt
    if not commanded:
        return
    error = step.velocity - step.command
    sums["velocity_error"] += np.sqrt(row_sums(np.square(error[:, :2])))
    sums["turn_error"] += np.abs(error[:, 2])


def episode_metrics(
    sums: Sums, dt: float, weight: Floats | float, fallen: Flags, failed: Flags
) -> dict[str, Floats]:
    """Metrics by name, shape ``(n,)`` each; names and units as in ``plugin.METRICS``.

    Args:
        sums: Of the episodes.
        dt: Control step, s.
        weight: Weight of each robot, N.
        fallen: Where the robot lies on the ground or on its back.
        failed: Where the physics diverged.
    """
    steps, distance = np.maximum(sums["steps"], 1), sums["travelled"]
    far = np.abs(distance) >= MIN_DISTANCE
    transport = np.full(len(steps), MAX_COST_OF_TRANSPORT)
    force = np.maximum(np.broadcast_to(weight, far.shape)[far], MIN_WEIGHT)
    cost = sums["work"][far] / (force * np.abs(distance[far]))
    transport[far] = np.minimum(cost, MAX_COST_OF_TRANSPORT)
    return {
        "speed": distance / (steps * dt),
        "distance": distance.copy(),
        "falls": fallen.astype(float),
        "cost_of_transport": transport,
        "command_error": sums["velocity_error"] / steps,
        "turn_error": sums["turn_error"] / steps,
        "steps": sums["steps"].copy(),
        "failures": failed.astype(float),
    }
