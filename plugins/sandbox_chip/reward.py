"""Reward terms of macro placement: pure functions of what one placed macro changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.api import RewardSpec, RewardTerm


@dataclass(frozen=True, slots=True)
class Transition:
    """What a step changed; scalars, or arrays of shape ``(num_envs,)``. All are pure numbers.

    Attributes:
        wirelength: Growth of the half-perimeter wirelength over Σ weight · (width + height).
        density: Growth of the area above the density target, over the area of all macros.
        congestion: Growth of the mean of the greatest tenth of the RUDY map, in units of its mean for
            nets that all span the canvas.
        dead_end: Share of the macros that can no longer be placed, in the step that ends so.
        proxy: circuit_training's proxy cost, in the last step.
    """

    wirelength: Any
    density: Any
    congestion: Any
    dead_end: Any
    proxy: Any


def _spec(**weights: float) -> RewardSpec:
    """All terms, zero-weighted unless named, so that runs compare term by term."""
    terms = (
        RewardTerm(
            "wirelength",
            lambda step: step.wirelength,
            0.0,
            "1",
            "MaskPlace (Lai et al. 2022)",
            "growth of HPWL cost",
        ),
        RewardTerm("density", lambda step: step.density, 0.0, "1", "", "growth of the density overflow"),
        RewardTerm(
            "congestion",
            lambda step: step.congestion,
            0.0,
            "1",
            "RUDY (Spindler and Johannes 2007)",
            "growth of the mean of the most congested tenth of the cells",
        ),
        RewardTerm(
            "dead_end", lambda step: step.dead_end, 0.0, "1", "", "share of macros left without a legal cell"
        ),
        RewardTerm(
            "proxy",
            lambda step: step.proxy,
            0.0,
            "1",
            "Mirhoseini et al. 2021; circuit_training",
            "wirelength + density/2 + congestion/2 of the finished placement, in the last step",
        ),
    )
    return RewardSpec(terms).reweighted(weights)


PRESETS = {
    "wirelength": _spec(wirelength=-10.0, dead_end=-2.0),
    "wirelength-congestion": _spec(wirelength=-10.0, congestion=-0.5, density=-0.5, dead_end=-2.0),
    "proxy": _spec(proxy=-1.0, dead_end=-2.0),
}
"""Reward presets; each punishes a dead end, which none of the costs of what was placed would show."""
