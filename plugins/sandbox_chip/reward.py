"""Reward terms of macro placement: functions of one placed macro, and their weights in each preset.

A term is added here alone: a function of a `Transition` and its row in `TERMS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.api import RewardSpec, RewardTerm

if TYPE_CHECKING:
    from sandbox_chip.designs import Design
    from sandbox_chip.dynamics import PlacementState, Step


@dataclass(frozen=True, slots=True)
class Transition:
    """One placed macro.

    Attributes:
        design: The design that is placed.
        state: The placement with the macro; it changes with the next step.
        step: What the macro changed.
        metrics: Metrics of the finished placement, None before its last macro; see `sandbox_chip.metrics`.
    """

    design: Design
    state: PlacementState
    step: Step
    metrics: Mapping[str, float] | None


def wirelength(transition: Transition) -> float:
    """Growth of the half-perimeter wirelength over Σ weight · (width + height of the canvas)."""
    return transition.step.wirelength / transition.design.problem.scale


def density(transition: Transition) -> float:
    """Growth of the area above the density target, over the area of all macros."""
    return transition.step.overflow


def congestion(transition: Transition) -> float:
    """Growth of the mean of the greatest tenth of the RUDY map, in its unit."""
    return transition.step.rudy_peak


def dead_end(transition: Transition) -> float:
    """Share of the macros that can no longer be placed, in the step that ends so."""
    state, num_macros = transition.state, transition.design.problem.num_macros
    return (num_macros - state.num_placed) / num_macros if state.dead_end else 0.0


def proxy(transition: Transition) -> float:
    """circuit_training's proxy cost of the finished placement, in the last step."""
    return transition.metrics["proxy"] if transition.metrics else 0.0


def total(transition: Transition) -> float:
    """Wirelength cost of the whole design with its standard cells placed, in the last step."""
    return transition.metrics["total_wirelength"] if transition.metrics else 0.0


TERMS = (
    RewardTerm("wirelength", wirelength, 0.0, "1", "MaskPlace (Lai et al. 2022)", "growth of HPWL cost"),
    RewardTerm("density", density, 0.0, "1", "", "growth of the density overflow"),
    RewardTerm(
        "congestion",
        congestion,
        0.0,
        "1",
        "RUDY (Spindler and Johannes 2007)",
        "growth of the mean of the most congested tenth of the cells",
    ),
    RewardTerm("dead_end", dead_end, 0.0, "1", "", "share of macros left without a legal cell"),
    RewardTerm(
        "proxy",
        proxy,
        0.0,
        "1",
        "Mirhoseini et al. 2021; circuit_training",
        "wirelength + density/2 + congestion/2 of the finished placement, in the last step",
    ),
    RewardTerm(
        "total",
        total,
        0.0,
        "1",
        "",
        "HPWL cost of all nets with the standard cells placed (cells=analytic), in the last step",
    ),
)
"""All terms; a preset weighs some of them, and the others are reported with weight 0."""


def _preset(**weights: float) -> RewardSpec:
    return RewardSpec(TERMS).reweighted(weights)


PRESETS = {
    "wirelength": _preset(wirelength=-10.0, dead_end=-2.0),
    "wirelength-congestion": _preset(wirelength=-10.0, congestion=-0.5, density=-0.5, dead_end=-2.0),
    "proxy": _preset(proxy=-1.0, dead_end=-2.0),
    "total": _preset(total=-10.0, dead_end=-2.0),
}
"""Reward presets. Each punishes a dead end, which the costs of what was placed do not show."""
