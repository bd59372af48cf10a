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
        lost: Fuel that did not become speed: `fuel` less the change of `kinetic_fuel`, g/s.
        wide: By how much gaps of automated vehicles exceed the widest permitted one, in units of 10 m,
            at most 30.
        effort: Mean square of the acceleration of automated vehicles, m²/s⁴.
        correction: By how much the gap filter slowed automated vehicles down, m/s².
        speed: Mean speed of all vehicles behind the leader, m/s.
        spacing: Mean of the vehicles from the leader to the last, above that of uniform flow at their speeds,
            in units of 10 m.
        collision: 1 if vehicles have touched.
    """

    fuel: Array
    lost: Array
    wide: Array
    effort: Array
    correction: Array
    speed: Array
    spacing: Array
    collision: Array


_CIRCLES = "Lichtlé et al. 2022, Deploying traffic smoothing cruise controllers, ICRA, eq. 5"

_SHAPING = "Ng, Harada & Russell 1999, Policy invariance under reward transformations, ICML"

REWARDS = Rewards(
    [
        RewardTerm(
            "lost",
            weight=-0.1,
            unit="g/s",
            description="fuel that did not become speed, mean over vehicles: in an episode the fuel but for "
            "what is in the speeds at its ends; who brakes pays, not who accelerates",
            source=_SHAPING,
        ),
        RewardTerm(
            "spacing",
            weight=-0.07,
            unit="10 m",
            description="mean spacing of the vehicles above that of uniform flow at their speeds",
        ),
        RewardTerm("fuel", unit="g/s", description="fuel, mean over vehicles", source=_CIRCLES),
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
    presets={"wide": {"lost": 0.0, "fuel": -0.1, "spacing": 0.0, "wide": -0.05}, "fast": {"speed": 0.005}},
    default="frugal",
)
