"""Webster's fixed-time plan (Webster 1958, Traffic Signal Settings)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SATURATION_FLOW = 1800.0
"""Saturation flow of a lane, vehicles/h."""

LOST_TIME = 4.0
"""Time lost at each change of phase, s: yellow and start-up less the part of yellow that is used."""

MAX_CRITICAL_RATIO = 0.9
"""Sums of critical ratios above this are scaled down to it: at 1, Webster's cycle is infinite."""

MAX_CYCLE = 150.0
"""Bound of the cycle in `bounded_phase_times`, s."""


def phase_times(critical: Sequence[float], lost: float = LOST_TIME, slot: int = 5) -> list[int]:
    """Time of each phase, its clearance included, s.

    The cycle is C = (1.5 L + 5)/(1 − Y), with L the lost time of a cycle and Y the sum of the phases'
    critical ratios of flow to saturation flow. Effective green is shared in proportion to the ratios, or
    equally where all are zero. Times are rounded to ``slot`` seconds, two slots at least.
    """
    total, lost_per_cycle = sum(critical), lost * len(critical)
    cycle = (1.5 * lost_per_cycle + 5) / (1 - total)
    parts = [ratio / total if total else 1 / len(critical) for ratio in critical]
    times = [lost + (cycle - lost_per_cycle) * part for part in parts]
    return [max(slot * round(time / slot), 2 * slot) for time in times]


def bounded_phase_times(critical: Sequence[float]) -> list[int]:
    """`phase_times` with the ratios scaled down where they exceed `MAX_CRITICAL_RATIO` or `MAX_CYCLE`."""
    total = max(sum(critical), 1e-6)
    lost = LOST_TIME * len(critical)
    numerator = 1.5 * lost + 5.0
    limit = min(MAX_CRITICAL_RATIO, 1.0 - numerator / max(MAX_CYCLE, 2.0 * numerator))
    scale = min(1.0, limit / total)
    return phase_times([ratio * scale for ratio in critical])


def critical_ratios(serves: NDArray[np.float64], flows: NDArray[np.float64]) -> list[float]:
    """Each phase's largest ratio of flow to saturation flow.

    Args:
        serves: 1 where a phase serves a lane, shape ``(phases, lanes)``.
        flows: Flow of each lane, vehicles/h, shape ``(lanes,)``; a lane with green in several phases
            divides its flow among them.
    """
    shared = flows / np.maximum(serves.sum(axis=0), 1.0)
    ratios: list[float] = ((serves * shared).max(axis=1) / SATURATION_FLOW).tolist()
    return ratios
