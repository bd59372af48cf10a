"""Holding traffic back before lanes end, as ramp metering does: a rule for the bottleneck."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api import MisfitError
from sandbox.api.types import Array
from sandbox_mixed.config import is_bottleneck
from sandbox_mixed.sumo.core import SumoRoad
from sandbox_mixed.sumo.road import CONTROLLED_EDGES, OBSERVED_SEGMENTS

WATCHED, HELD = "4", "3"
"""The edge of two lanes before the last lane drop, and the edge before it on which vehicles are slowed."""

FREE, SPAN = 5.0, 8.0
"""Vehicles on the watched edge up to which nobody is slowed, and how many more of them stop everybody.

Tuned with decisions of 1 s, three episodes each (seeds 200 to 202), among `FREE` of 3, 5 and 7 and `SPAN` of
4, 6, 8 and 12: 1,747 veh/h with these, 1,610 to 1,757 with the others, among which the best differ by chance.
Stopping everybody from 5 to 15 vehicles on has 1,582 to 1,711 (seeds 100 to 102), human drivers 1,541.
"""


class Metering:
    """Slows automated vehicles before the lane drop in proportion to how full the road behind it is.

    The two lanes between both drops pass most while few vehicles negotiate there. The rule lowers the
    action, and with it the speed limit, of the third edge from 1 to -1 while the fourth edge fills from
    `FREE` to ``FREE + SPAN`` vehicles: proportional feedback as in ramp metering (Papageorgiou, Hadj-Salem &
    Blosseville 1991, which integrates it).

    Args:
        core: The bottleneck.
    """

    def __init__(self, core: SumoRoad) -> None:
        if not is_bottleneck(core.config):
            raise MisfitError(
                f"'metering' slows traffic before the bottleneck, not on {core.config.network}."
            )
        self._core = core
        edges = [edge for edge, parts in OBSERVED_SEGMENTS.items() for _ in range(parts)]
        self._watched = [index for index, edge in enumerate(edges) if edge == WATCHED]
        first = 2 * CONTROLLED_EDGES.index(HELD)
        self._held = [first, first + 1]

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to forget."""

    def act(self, observation: Any, mask: Array | None = None, deterministic: bool = True) -> Array:
        """Limits of the six segments as actions, shape ``(1, 6)``."""
        counts = np.array(self._core.answer["segments"]).reshape(-1, 3)[:, 0]
        excess = max(float(counts[self._watched].sum()) - FREE, 0.0)
        actions = np.ones((1, 2 * len(CONTROLLED_EDGES)), np.float32)
        actions[:, self._held] = max(1.0 - 2.0 * excess / SPAN, -1.0)
        return actions

    def save(self, directory: Path) -> None:
        """Baselines are made from their environment, not saved.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not saved")


def metering(env: Any) -> Metering:
    """`Metering` of an environment of the bottleneck."""
    return Metering(env.core)
