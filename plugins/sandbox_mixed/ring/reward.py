"""Terms of the ring's reward, and its presets."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api import Rewards, RewardTerm
from sandbox.api.types import Array


@dataclass(frozen=True)
class Interval:
    """What happened between two decisions.

    Attributes:
        speed: Mean speed of all vehicles, m/s.
        share: The same as a share of the speed of uniform flow on this ring.
        spread: Standard deviation of the vehicles' speeds, m/s.
        wave: The same from 0 to 1: spread / (spread + 0.5 m/s).
        effort: Mean |acceleration| of automated vehicles, m/s².
        correction: By how much the gap filter slowed automated vehicles down, m/s².
        collision: 1 if vehicles have touched.
    """

    speed: Array
    share: Array
    spread: Array
    wave: Array
    effort: Array
    correction: Array
    collision: Array


_WU = "Wu et al. 2017, Flow, arXiv 1710.05465, section V"

REWARDS = Rewards(
    [
        RewardTerm("share", weight=0.1, description="mean speed as a share of the speed of uniform flow"),
        RewardTerm("spread", unit="m/s", description="standard deviation of speeds"),
        RewardTerm(
            "wave",
            weight=-0.05,
            description="spread / (spread + 0.5 m/s): steepest where little is left",
        ),
        RewardTerm(
            "effort",
            weight=-0.02,
            unit="m/s²",
            description="|acceleration| of automated vehicles",
            source=_WU,
        ),
        RewardTerm("correction", weight=-0.02, unit="m/s²", description="what the gap filter took away"),
        RewardTerm("collision", weight=-5.0, description="1 if vehicles have touched; the episode ends"),
        RewardTerm("speed", unit="m/s", description="mean speed of all vehicles", source=_WU),
    ],
    presets={
        "wu": {"share": 0.0, "wave": 0.0, "correction": 0.0, "speed": 0.1, "effort": -0.1},
        "spread": {"wave": 0.0, "spread": -0.015},
    },
    default="smooth",
)
