"""Programs that SUMO itself runs at the signals, without requests of the environment."""

from __future__ import annotations

from sandbox.api import InvalidValueError
from sandbox_traffic.network.phases import is_changing
from sandbox_traffic.network.signal_network import SignalNetwork
from sandbox_traffic.network.signals import Signal
from sandbox_traffic.sumo.interface import ACTUATED, DELAY_BASED, SumoProgram

OWN = "own"
"""The network's own programs, whatever their type: SUMO left alone."""

KINDS = {"actuated": ACTUATED, "delay_based": DELAY_BASED}
"""SUMO's types of programs that can be made of any signal's phases, and their numbers in its interface."""

NEMA = "NEMA"
"""SUMO's type of dual rings, which only a network's own program can be."""

LONGEST = 3600.0
"""Maximum green of a phase that may last for ever, s."""


def sumo_programs(network: SignalNetwork, kind: str) -> list[SumoProgram | None]:
    """What `SignalBatch.follow` hands to SUMO, a program for each signal, None for its own.

    `OWN` leaves SUMO alone. With a kind of `KINDS`, signals whose own program has another type run their own
    steps under SUMO's controller of that type, the greens between the minimum and maximum green of the
    scenario. With `NEMA`, signals of another type keep their own program.

    Raises:
        InvalidValueError: If there is no such kind.
    """
    if kind in (OWN, NEMA):
        return [None] * len(network.signals)
    if kind not in KINDS:
        raise InvalidValueError(f"SUMO runs no program of type '{kind}'.", f"Known: {', '.join(KINDS)}.")
    return [None if signal.program.kind == kind else _converted(signal, kind) for signal in network.signals]


def _converted(signal: Signal, kind: str) -> SumoProgram:
    """The signal's own steps as a program of another type."""
    if signal.program.kind == NEMA:
        return _of_plan(signal, kind)
    steps = []
    for step in signal.program.steps:
        low = high = step.seconds
        if step.state in signal.phases and not is_changing(step.state):
            low, high = _limits(signal, signal.phases.index(step.state))
        steps.append((step.state, step.seconds, low, high))
    return SumoProgram(KINDS[kind], tuple(steps), {})


def _of_plan(signal: Signal, kind: str) -> SumoProgram:
    """A program of the phases in order, for a signal whose own one has no steps for the whole junction."""
    steps = []
    for phase, state in enumerate(signal.phases):
        low, high = _limits(signal, phase)
        steps.append((state, high, low, high))
        switches = signal.plan.transitions[phase, (phase + 1) % len(signal.phases)]
        ends = [after for after, _ in switches[1:]]
        steps += [
            (between, end - start, end - start, end - start)
            for (start, between), end in zip(switches, ends, strict=False)
        ]
    return SumoProgram(KINDS[kind], tuple(steps), {})


def _limits(signal: Signal, phase: int) -> tuple[float, float]:
    """Minimum and maximum green of a phase, s."""
    low = float(signal.plan.min_green[phase].max())
    high = float(signal.plan.max_green[phase].min())
    return low, max(low, min(high, LONGEST))
