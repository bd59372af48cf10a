"""The phases that controllers choose from, and the switches that lead from each to every other.

A program alternates between phases and what clears the junction between them. What lies between two phases is
taken from the program where it has the change; any other change from a phase clears the junction as the
program does after that phase.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network.phases import CHANGING, GREEN, always_green, green_links, is_changing
from sandbox_traffic.network.programs import DEFAULT_YELLOW, Program

MAX_CLEARANCE = 10.0
"""A step that only takes green from the phase before is part of the clearance up to this time, s."""

Interval = tuple[float, str]
"""``(seconds, state)``."""

Switches = tuple[tuple[float, str], ...]
"""``(seconds from the request, state)``; the last one is the new phase."""


@dataclass(frozen=True, slots=True)
class TimingRules:
    """Times that the scenario sets for all signals; None where the program's hold.

    Attributes:
        min_green: Minimum green, s.
        max_green: Maximum green, s; infinite for none.
        yellow: Yellow of links that lose green, s.
        all_red: Clearance after yellow, s.
        step: Time step of the simulation, s; times are rounded up to it.
    """

    min_green: float = 5.0
    max_green: float = math.inf
    yellow: float | None = None
    all_red: float | None = None
    step: float = 1.0

    def rounded(self, seconds: float) -> float:
        """``seconds`` rounded up to a multiple of the time step."""
        return round(math.ceil(round(seconds / self.step, 6)) * self.step, 3)


@dataclass(frozen=True, eq=False)
class PhasePlan:
    """The phases of a signal and their rules.

    A signal has one ring, except where its program is of SUMO's type NEMA: there a phase is a pair of ring
    phases, one of each ring, and each ring keeps its own times.

    Attributes:
        states: State of each phase.
        transitions: Switches that lead from one phase to another, by their numbers.
        rings: Ring phase that each phase shows in each ring, shape ``(phases, rings)``.
        min_green: Minimum green of the ring phases, s, shape ``(phases, rings)``.
        max_green: Maximum green of the ring phases, s, shape ``(phases, rings)``; infinite where no other
            phase gives green to a link that is red.
        leads_to: For states of the program, the phase that is shown or that comes next.
    """

    states: tuple[str, ...]
    transitions: Mapping[tuple[int, int], Switches]
    rings: NDArray[np.intp]
    min_green: NDArray[np.float64]
    max_green: NDArray[np.float64]
    leads_to: Mapping[str, int] = field(default_factory=dict)

    @property
    def longest_clearance(self) -> float:
        """Longest time between two phases, s."""
        return max((switches[-1][0] for switches in self.transitions.values()), default=0.0)


def plan_phases(program: Program, rules: TimingRules, crossings: frozenset[int] = frozenset()) -> PhasePlan:
    """The phases of a program that SUMO runs step by step.

    Args:
        program: Of any type but NEMA.
        rules: Times that the scenario sets.
        crossings: Places of pedestrian crossings in the states.
    """
    numbers = phase_steps(program, crossings)
    states = tuple(dict.fromkeys(program.steps[number].state for number in numbers))
    sequences = _sequences(program, numbers, states)
    limit = np.where(calls_for_others(states), rules.max_green, math.inf)
    return PhasePlan(
        states=states,
        transitions=_transitions(states, sequences, rules),
        rings=np.arange(len(states))[:, None],
        min_green=np.full((len(states), 1), float(rules.min_green)),
        max_green=limit[:, None],
        leads_to=_leads_to(program, numbers, states),
    )


def _transitions(
    states: tuple[str, ...],
    sequences: Mapping[tuple[int, int], tuple[Interval, ...]],
    rules: TimingRules,
) -> dict[tuple[int, int], Switches]:
    """Switches between all phases, from what the program shows between those that follow one another."""
    yellow, all_red = _typical_clearance(sequences)
    explicit = rules.yellow is not None or rules.all_red is not None
    yellow = yellow if rules.yellow is None else rules.yellow
    all_red = all_red if rules.all_red is None else rules.all_red
    transitions: dict[tuple[int, int], Switches] = {}
    for old, state in enumerate(states):
        usual, known = next(((pair[1], way) for pair, way in sequences.items() if pair[0] == old), (old, ()))
        for new, target in enumerate(states):
            if explicit or not known:
                switches = transition(state, target, yellow, all_red)
            else:
                way = sequences.get((old, new)) or _adapted(known, state, target, states[usual])
                switches = as_switches(way, target)
            transitions[old, new] = tuple((rules.rounded(after), shown) for after, shown in switches)
    return transitions


def phase_steps(program: Program, crossings: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Steps of a program that are phases, by number.

    A phase gives green to a link and has none that is about to change. Links that are green in every such
    step do not count. Neither all-red nor a short rest of the phase before is a phase: the end of the
    walkers' green, or the links that stay green while others change. Where only one phase is left, a step
    without
    green is a phase too: a ramp meter's red is what controls.
    """
    steady = [
        number for number, step in enumerate(program.steps) if step.state and not is_changing(step.state)
    ]
    free = (
        always_green([program.steps[number].state for number in steady]) if len(steady) > 1 else frozenset()
    )
    green = {number: green_links(program.steps[number].state) - free for number in steady}
    showing = [number for number in steady if green[number]]
    if not showing:
        return ()
    longest = showing.index(max(showing, key=lambda number: program.steps[number].seconds))
    ordered = showing[longest:] + showing[:longest]
    phases = [ordered[0]]
    for place, number in enumerate(ordered[1:], start=1):
        after = ordered[(place + 1) % len(ordered)]
        if not _is_clearance(program, number, green[phases[-1]], green[number], green[after], crossings):
            phases.append(number)
    red = [number for number in steady if not green[number]]
    if len({program.steps[number].state for number in phases}) == 1 and red:
        phases.append(red[0])
    return tuple(sorted(phases))


def _is_clearance(
    program: Program,
    number: int,
    before: frozenset[int],
    green: frozenset[int],
    after: frozenset[int],
    crossings: frozenset[int],
) -> bool:
    """Whether a step only takes green from the phase before it, for a short time that is not extended."""
    step = program.steps[number]
    if step.extendable or step.seconds > MAX_CLEARANCE or not green < before:
        return False
    return before - green <= crossings or green <= after


def _sequences(
    program: Program, numbers: Sequence[int], states: tuple[str, ...]
) -> dict[tuple[int, int], tuple[Interval, ...]]:
    """What the program shows between phases that follow one another."""
    ends = frozenset(numbers)
    sequences: dict[tuple[int, int], tuple[Interval, ...]] = {}
    for number in numbers:
        for between, end in program.paths(number, ends):
            pair = (states.index(program.steps[number].state), states.index(program.steps[end].state))
            steps = (program.steps[step] for step in between)
            sequences.setdefault(pair, tuple((step.seconds, step.state) for step in steps))
    return {pair: between for pair, between in sequences.items() if pair[0] != pair[1]}


def _leads_to(program: Program, numbers: Sequence[int], states: tuple[str, ...]) -> dict[str, int]:
    ends = frozenset(numbers)
    leads: dict[str, int] = {state: phase for phase, state in enumerate(states)}
    for number, step in enumerate(program.steps):
        end = next((end for _, end in program.paths(number, ends)), None) if ends else None
        if end is not None:
            leads.setdefault(step.state, states.index(program.steps[end].state))
    return leads


def _typical_clearance(sequences: Mapping[tuple[int, int], Sequence[Interval]]) -> tuple[float, float]:
    """Longest yellow, and longest time after it, in what a program shows between its phases, s."""
    yellows, reds = [0.0], [0.0]
    for between in sequences.values():
        changing = [any(light in CHANGING for light in state) for _, state in between]
        last = max((place for place, yes in enumerate(changing) if yes), default=-1)
        yellows.append(sum(seconds for (seconds, _), yes in zip(between, changing, strict=True) if yes))
        reds.append(sum(seconds for seconds, _ in between[last + 1 :]))
    return max(yellows) or DEFAULT_YELLOW, max(reds)


def _adapted(between: Sequence[Interval], old: str, new: str, usual: str) -> list[Interval]:
    """What leads from ``old`` to ``new``, made of what the program shows from ``old`` to ``usual``."""
    if green_links(old) <= green_links(new):
        return []
    warned = False
    adapted: list[Interval] = []
    for seconds, state in between:
        yellow = any(light in CHANGING for light in state)
        warned = warned or yellow
        shown = "".join(
            _adapted_light(lights, yellow, warned) for lights in zip(old, new, usual, state, strict=True)
        )
        if adapted or shown != old:
            adapted.append((seconds, shown))
    return adapted


def _adapted_light(lights: tuple[str, ...], yellow: bool, warned: bool) -> str:
    """Light of one link: in the old, the new and the usual next phase, and in the program's state between."""
    old, new, usual, between = lights
    if old not in GREEN:
        if between == "u" and new in GREEN:
            return between
        return "r" if old in CHANGING else old
    if new in GREEN:
        return old
    if usual not in GREEN:
        return between
    # The program keeps this link green here; it clears together with the others.
    return "y" if yellow else ("r" if warned else old)


def as_switches(between: Sequence[Interval], target: str) -> Switches:
    """Intervals, one after the other, as times from the request."""
    times = list(accumulate((seconds for seconds, _ in between), initial=0.0))
    return (*zip(times, (state for _, state in between), strict=False), (times[-1], target))


def yellow_state(old: str, new: str) -> str:
    """State in which the links that lose green are yellow and all others are unchanged.

    A link that is green before and after keeps its old character: ``g`` must go on giving way to
    vehicles that still clear the junction, and ``G`` has no conflicting vehicles yet.
    """
    return "".join(
        "y" if a in GREEN and b not in GREEN else ("r" if a in CHANGING else a)
        for a, b in zip(old, new, strict=True)
    )


def clearance_state(old: str, new: str) -> str:
    """State between yellow and the new green, in which the links that lost green are red."""
    return "".join(
        "r" if (a in GREEN and b not in GREEN) or a in CHANGING else a for a, b in zip(old, new, strict=True)
    )


def transition(old: str, new: str, yellow: float, all_red: float) -> Switches:
    """Switches from ``old`` to ``new`` by given times of yellow and all-red, s.

    Where no link loses green, there is nothing to clear and the new phase starts at once.
    """
    if green_links(old) <= green_links(new):
        return ((0.0, new),)
    switches = [(0.0, yellow_state(old, new))]
    if all_red:
        switches.append((yellow, clearance_state(old, new)))
    return (*switches, (yellow + all_red, new))


def calls_for_others(states: Sequence[str]) -> NDArray[np.bool_]:
    """Whether some other phase gives green to a link that is red in each phase, shape ``(phases,)``."""
    green = [green_links(state) for state in states]
    return np.array([any(other - links for other in green) for links in green], dtype=np.bool_)
