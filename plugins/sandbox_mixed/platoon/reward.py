"""Terms of the platoon's reward, and its presets."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api import Rewards, RewardTerm
from sandbox.api.types import Array


@dataclass(frozen=True)
class Interval:
    """What happened between two decisions.

    Attributes:
        fuel: Mean over vehicles behind the leader, g/s.
        wide: By how much gaps of automated vehicles exceed the widest permitted one, in units of 10 m,
            at most 30.
        effort: Mean square of the acceleration of automated vehicles, m²/s⁴.
        correction: By how much the gap filter slowed automated vehicles down, m/s².
        speed: Mean speed of all vehicles behind the leader, m/s.
        spacing: Mean of the vehicles from the leader to the last, in units of 10 m.
        collision: 1 if vehicles have touched.
    """

    fuel: Array
    wide: Array
    effort: Array
    correction: Array
    speed: Array
    spacing: Array
    collision: Array


_CIRCLES = "Lichtlé et al. 2022, Deploying traffic smoothing cruise controllers, ICRA, eq. 5"

REWARDS = Rewards(
    [
        RewardTerm("fuel", weight=-0.1, unit="g/s", description="fuel, mean over vehicles", source=_CIRCLES),
        RewardTerm(
            "spacing", weight=-0.15, unit="10 m", description="mean spacing of the vehicles, leader to last"
        ),
        RewardTerm("wide", unit="10 m", description="gap above the widest permitted one, at most 30"),
        RewardTerm(
            "effort",
            weight=-0.01,
            unit="m²/s⁴",
            description="acceleration², automated vehicles",
            source=_CIRCLES,
        ),
        RewardTerm("correction", weight=-0.1, unit="m/s²", description="what the gap filter took away"),
        RewardTerm("speed", unit="m/s", description="mean speed of all vehicles"),
        RewardTerm("collision", weight=-5.0, description="1 if vehicles have touched; the episode ends"),
    ],
    presets={"wide": {"spacing": 0.0, "wide": -0.05}, "fast": {"speed": 0.005}},
    default="frugal",
)
