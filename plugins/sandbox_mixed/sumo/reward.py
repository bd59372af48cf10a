"""Terms of the reward on SUMO, and its presets."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api import Rewards, RewardTerm
from sandbox.api.types import Array


@dataclass(frozen=True)
class Interval:
    """What happened between two decisions.

    Attributes:
        speed: Mean speed of the vehicles in the network, m/s.
        spread: Standard deviation of their speeds, m/s.
        effort: Mean |action|, as a share of the greatest.
        outflow: Vehicles that left the network, veh/s.
        backlog: Vehicles that wait to enter.
        collision: 1 if vehicles have touched.
    """

    speed: Array
    spread: Array
    effort: Array
    outflow: Array
    backlog: Array
    collision: Array


_FLOW = "Vinitsky et al. 2018, Benchmarks for reinforcement learning in mixed-autonomy traffic, CoRL"

REWARDS = Rewards(
    [
        RewardTerm("speed", weight=0.1, unit="m/s", description="mean speed", source=_FLOW),
        RewardTerm("spread", weight=-0.03, unit="m/s", description="standard deviation of speeds"),
        RewardTerm("effort", weight=-0.02, description="|action|"),
        RewardTerm("outflow", unit="veh/s", description="vehicles that left", source=_FLOW),
        RewardTerm("backlog", unit="veh", description="vehicles that wait to enter"),
        RewardTerm("collision", weight=-50.0, description="1 if vehicles have touched; the episode ends"),
    ],
    presets={"outflow": {"speed": 0.0, "spread": 0.0, "outflow": 1.0, "backlog": -0.001}},
    default="speed",
)
