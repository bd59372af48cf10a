"""What a roboticist reports of an episode, counted over all of its steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox_locomotion.reward import Transition

Array = NDArray[np.float64]

LEAST_DISTANCE = 1.0
"""Cost of transport of a robot that got less far than this, m, is `NO_PROGRESS`."""
NO_PROGRESS = 1000.0
"""Largest cost of transport that is reported: standing still must not look efficient."""

SUMS = ("steps", "travelled", "work", "velocity_error", "turn_error")


class Tally:
    """Sums over the current episode of every copy.

    Args:
        copies: Robots.
        commanded: Whether a command is followed; errors are zero otherwise.

    Attributes:
        sums: By name, shape ``(copies,)`` each.
    """

    def __init__(self, copies: int, commanded: bool) -> None:
        self._commanded = commanded
        self.sums: dict[str, Array] = {name: np.zeros(copies) for name in SUMS}

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Begin an episode in these rows."""
        for values in self.sums.values():
            values[rows] = 0.0

    def add(self, step: Transition) -> None:
        """Count a control step."""
        sums = self.sums
        sums["steps"] += 1
        sums["travelled"] += step.forward * step.dt
        sums["work"] += step.power * step.dt
        if not self._commanded:
            return
        error = step.velocity - step.command
        sums["velocity_error"] += np.sqrt(np.square(error[:, :2]).sum(-1))
        sums["turn_error"] += np.abs(error[:, 2])

    def metrics(
        self, dt: float, weight: float, fallen: NDArray[np.bool_], failed: NDArray[np.bool_]
    ) -> dict[str, Array]:
        """Metrics by name, shape ``(copies,)``; names and units as in ``plugin.METRICS``.

        Args:
            dt: Control step, s.
            weight: Of the robot, N.
            fallen: Copies whose robot is on the ground or on its back.
            failed: Copies whose physics diverged.
        """
        sums, steps = self.sums, np.maximum(self.sums["steps"], 1)
        distance = sums["travelled"]
        far = np.abs(distance) >= LEAST_DISTANCE
        transport = np.full(len(steps), NO_PROGRESS)
        transport[far] = np.minimum(sums["work"][far] / (weight * np.abs(distance[far])), NO_PROGRESS)
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
