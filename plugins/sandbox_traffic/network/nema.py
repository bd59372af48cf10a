"""Phases of a program of SUMO's type NEMA: pairs of ring phases on the same side of the barriers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from sandbox_traffic.network.phase_plan import PhasePlan, Switches, TimingRules, calls_for_others
from sandbox_traffic.network.phases import GREEN, green_links
from sandbox_traffic.network.programs import Program, Step

NEMA = "NEMA"
"""SUMO's name of the type."""

NOTHING = "0"
"""Place in a ring without a phase."""


def plan_ring_phases(program: Program, rules: TimingRules) -> PhasePlan:
    """The phases of a NEMA program.

    Every ring keeps the minimum and maximum green, yellow and red of its ring phases, or the scenario's where
    these are stricter; when both change, both greens begin together.

    Raises:
        ValueError: If the parameters of rings and barriers do not fit the program.
    """
    steps = {step.name: step for step in program.steps if step.name}
    rings = [ring for ring in (_names(program, "ring1"), _names(program, "ring2")) if any(ring)]
    if not rings:
        raise ValueError("a NEMA program needs the parameter ring1")
    barriers = [_names(program, name) for name in ("barrierPhases", "barrier2Phases")]
    for name in (name for names in (*rings, *barriers) for name in names):
        if name not in steps:
            raise ValueError(f"there is no phase with the name '{name}'")
    sides = [_sides(ring, {name for names in barriers for name in names}) for ring in rings]
    if len({len(side) for side in sides}) > 1:
        raise ValueError("the rings have different numbers of barriers")
    pairs = [pair for side in zip(*sides, strict=True) for pair in product(*side)]
    states = tuple(_union([steps[name] for name in pair]) for pair in pairs)
    limits = [[_ring_limits(steps[name], rules) for name in pair] for pair in pairs]
    names = [sorted({pair[ring] for pair in pairs}) for ring in range(len(rings))]
    bounded = calls_for_others(states)[:, None]
    return PhasePlan(
        states=states,
        transitions={
            (old, new): _switches(steps, pairs[old], pairs[new], (states[old], states[new]), rules)
            for old in range(len(pairs))
            for new in range(len(pairs))
        },
        rings=np.array([[names[ring].index(name) for ring, name in enumerate(pair)] for pair in pairs]),
        min_green=np.array([[low for low, _ in pair] for pair in limits]),
        max_green=np.where(bounded, np.array([[high for _, high in pair] for pair in limits]), math.inf),
        leads_to={state: phase for phase, state in enumerate(states)},
    )


def _names(program: Program, parameter: str) -> list[str]:
    text = program.parameters.get(parameter, "")
    return [part for part in text.replace(",", " ").split() if part != NOTHING]


def _sides(ring: Sequence[str], barriers: set[str]) -> list[list[str]]:
    """A ring's phases between barriers; each barrier comes after one of ``barriers``."""
    sides: list[list[str]] = [[]]
    for name in ring:
        sides[-1].append(name)
        if name in barriers:
            sides.append([])
    if len(sides) > 1 and sides[-1]:  # the ring does not end at a barrier: its end belongs to the beginning
        sides[0] = sides.pop() + sides[0]
    return [side for side in sides if side]


def _union(steps: Sequence[Step]) -> str:
    """State in which the links of all ring phases have green, with priority where one of them gives it."""
    order = "GgsoO"
    return "".join(
        min(lights, key=lambda light: order.index(light) if light in order else len(order))
        for lights in zip(*(step.state for step in steps), strict=True)
    )


def _ring_limits(step: Step, rules: TimingRules) -> tuple[float, float]:
    """Minimum and maximum green of a ring phase, s: the stricter ones of the program and the scenario."""
    low = max(step.min_seconds or 0.0, rules.min_green)
    high = min(step.max_seconds or math.inf, rules.max_green)
    return low, max(low, high)


def _switches(
    steps: Mapping[str, Step],
    old: Sequence[str],
    new: Sequence[str],
    states: tuple[str, str],
    rules: TimingRules,
) -> Switches:
    """Switches between two pairs of ring phases whose states are ``states``."""
    before, after = states
    lost = green_links(before) - green_links(after)
    clearing: dict[int, tuple[float, float]] = {}
    for name in (a for a, b in zip(old, new, strict=True) if a != b):
        yellow = steps[name].yellow if rules.yellow is None else rules.yellow
        red = steps[name].red if rules.all_red is None else rules.all_red
        for link in lost & green_links(steps[name].state):
            known = clearing.get(link, (0.0, 0.0))
            clearing[link] = max(known[0], yellow), max(known[1], yellow + red)
    times = sorted({0.0, *(time for pair in clearing.values() for time in pair)})
    switches = [(rules.rounded(time), _clearing_state(before, after, clearing, time)) for time in times[:-1]]
    return (*switches, (rules.rounded(times[-1]), after))


def _clearing_state(before: str, after: str, clearing: Mapping[int, tuple[float, float]], time: float) -> str:
    """State ``time`` s after the request."""
    lights = []
    for link, (old, new) in enumerate(zip(before, after, strict=True)):
        if link in clearing:
            lights.append("y" if time < clearing[link][0] else "r")
        else:
            lights.append(old if old not in GREEN or new in GREEN else "r")
    return "".join(lights)
