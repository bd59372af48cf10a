"""Controllers that follow a plan of slots, one for each phase: Webster's plan from measured flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from sandbox_traffic.baselines.controller import Controller, Place, TrafficEnv
from sandbox_traffic.network.programs import Program
from sandbox_traffic.network.webster import bounded_phase_times, critical_ratios
from sandbox_traffic.state import Array, SignalState

MIN_MEASUREMENT = 300
"""Webster's plans are made from the flows of at least this time, s."""

EQUAL_SLOT = 30.0
"""Slot of each phase where the network's own program has no steps for the whole junction, s."""


class ProgramSlots(Controller):
    """The network's own program at the grain of decisions, for controllers that have measured nothing yet.

    A phase's slot is its green and the states that follow it up to the next phase; at each decision the phase
    whose slot the program is in is requested.
    """

    def __init__(self, env: TrafficEnv) -> None:
        super().__init__(env)
        self._slots = [program_slots(signal.program, signal.phases) for signal in self.batch.network.signals]

    def choose(self, state: SignalState, place: Place) -> int:
        """Phase whose slot the program is in."""
        _, index = place
        slots = self._slots[index]
        position = (state.now - state.signal.program.offset) % slots[-1][0]
        return next(phase for end, phase in slots if position < end)


def program_slots(program: Program, states: Sequence[str]) -> list[tuple[float, int]]:
    """``(end of slot in s, phase)`` over one cycle; states before the first phase belong to the last one.

    Args:
        program: The signal's own program.
        states: States of its phases.
    """
    steps = program.steps
    numbers = {state: phase for phase, state in enumerate(states)}
    phase = next((numbers[step.state] for step in reversed(steps) if step.state in numbers), None)
    if phase is None:
        return [(EQUAL_SLOT * (number + 1), number) for number in range(len(states))]
    slots: list[tuple[float, int]] = []
    for end, step in zip(accumulate(step.seconds for step in steps), steps, strict=True):
        phase = numbers.get(step.state, phase)
        slots.append((end, phase))
    return slots


@dataclass(slots=True)
class _Plan:
    """Webster's plan in execution.

    Attributes:
        cycle_start: Start of the present cycle, s.
        ends: End of each phase's slot within the cycle, s; of the wrong length before the first plan.
        measured_since: Start of the measurement for the next plan, s.
        passed: Vehicles that had crossed each loop at that time.
        present: Vehicles on each approach or outside at that time.
    """

    cycle_start: float
    ends: list[int]
    measured_since: float
    passed: Array
    present: Array


class Webster(ProgramSlots):
    """Webster's fixed-time plan, computed every five minutes from the flows of the last five.

    A cycle is completed before the next plan begins. The flow of an approach is the number of vehicles that
    crossed its loop plus the growth of the number on it and outside, so that queues which outgrow the
    green count as demand. In the first five minutes the network's own program is followed.
    """

    def __init__(self, env: TrafficEnv) -> None:
        super().__init__(env)
        self._plans: dict[Place, _Plan] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all plans."""
        self._plans.clear()

    def choose(self, state: SignalState, place: Place) -> int:
        """Phase whose slot the plan is in."""
        plan = self._plans.get(place)
        if plan is None or plan.cycle_start > state.now:  # later than now: of the episode before
            plan = self._plans[place] = _plan(state, [MIN_MEASUREMENT])
        if state.now - plan.cycle_start >= plan.ends[-1]:
            if state.now - plan.measured_since >= MIN_MEASUREMENT:
                plan = self._plans[place] = _plan(state, _slot_ends(state, plan))
            plan.cycle_start = state.now
        if len(plan.ends) != len(state.signal.phases):
            return super().choose(state, place)
        position = state.now - plan.cycle_start
        return next(phase for phase, end in enumerate(plan.ends) if position < end)


def _plan(state: SignalState, ends: list[int]) -> _Plan:
    """A plan whose cycle and measurement begin now."""
    return _Plan(state.now, ends, state.now, state.passed.copy(), state.count + state.outside)


def _slot_ends(state: SignalState, plan: _Plan) -> list[int]:
    """Ends of the slots of a new plan, from the flows measured since the last one, s."""
    present = state.count + state.outside
    arrived = np.maximum(state.passed - plan.passed + present - plan.present, 0.0)
    flows = arrived * 3600.0 / (state.now - plan.measured_since)
    return list(accumulate(bounded_phase_times(critical_ratios(state.signal.serves, flows))))
