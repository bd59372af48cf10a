"""Coordinated fixed time: one cycle for all signals, with offsets that let platoons pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.baselines.controller import Place, TrafficEnv
from sandbox_traffic.baselines.parameters import DEFAULTS, tuned_parameters
from sandbox_traffic.baselines.plans import MIN_MEASUREMENT, ProgramSlots
from sandbox_traffic.network.links import heaviest_tree, offsets, signal_links
from sandbox_traffic.network.webster import bounded_phase_times, critical_ratios
from sandbox_traffic.state import Array, SignalState

REPLAN = 900
"""Time between two coordinated plans, s."""

SMOOTHING = 0.25
"""Weight of the latest measurement in the usual flows: a few vehicles come to a short phase in a cycle."""

SHORTEST_SLOT = 10.0
"""Least time of a phase with its clearance, s: two decisions."""


@dataclass(slots=True)
class Timing:
    """The plan of a signal in execution, and what has been measured since it was made.

    Attributes:
        slots: Time of each phase, its clearance included, s, shape ``(phases,)``; empty before the first
            plan.
        start: Start of the present cycle, s.
        since: Start of the measurement, s.
        passed: Vehicles that had crossed each loop at that time.
        present: Vehicles on each approach or outside at that time.
        usual: Flow to each approach, smoothed over measurements, vehicles/h; empty before the first plan.
    """

    slots: Array
    start: float
    since: float
    passed: Array
    present: Array
    usual: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def measuring(cls, state: SignalState) -> Timing:
        """No plan yet."""
        timing = cls(np.zeros(0), state.now, state.now, np.zeros(0), np.zeros(0))
        timing.measure(state)
        return timing

    @property
    def cycle(self) -> float:
        """Length of the cycle, s."""
        return float(self.slots.sum())

    def phase(self, now: float) -> int:
        """The phase whose slot the cycle is in."""
        position = (now - self.start) % self.cycle
        return min(int((np.cumsum(self.slots) <= position).sum()), len(self.slots) - 1)

    def measure(self, state: SignalState) -> None:
        """Begin a measurement."""
        self.since, self.passed = state.now, state.passed.copy()
        self.present = state.count + state.outside

    def update(self, state: SignalState) -> None:
        """Add the measurement to the usual flows, and begin the next one."""
        flows = self.flows(state)
        self.usual = flows if not len(self.usual) else self.usual + SMOOTHING * (flows - self.usual)
        self.measure(state)

    def flows(self, state: SignalState) -> Array:
        """Flow that has come to each approach since the measurement began, vehicles/h."""
        arrived = state.passed - self.passed + state.count + state.outside - self.present
        return np.maximum(arrived, 0.0) * 3600.0 / max(state.now - self.since, 1.0)


class Coordinated(ProgramSlots):
    """Fixed-time plans with a common cycle and offsets, from the flows measured before.

    After five minutes of the networks' own programs, and every quarter of an hour from then on, each signal
    gets Webster's plan for its flows. All take the longest of their cycles, times ``cycle``. Offsets follow
    the links of largest flow, as many as connect the signals without a circle: the green at the end of a
    link begins when a platoon that left its start arrives. On a single signal, only the cycle is left.

    Args:
        env: The environment.
        cycle: Factor on Webster's cycle.
        pace: Speed of platoons as a share of the limit.
    """

    replan = float(REPLAN)

    def __init__(
        self,
        env: TrafficEnv,
        cycle: float = DEFAULTS["coordinated"]["cycle"],
        pace: float = DEFAULTS["coordinated"]["pace"],
    ) -> None:
        super().__init__(env)
        self._factor, self._pace = cycle, pace
        self.links = signal_links(self.batch.network)
        self.timings: dict[Place, Timing] = {}
        self._due: dict[int, float] = {}
        self._now: dict[int, float] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all plans."""
        self.timings.clear()
        self._due.clear()
        self._now.clear()

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[np.int64]:
        """Choose a phase for every signal, shape ``(num_envs · signals,)``."""
        state, signals = self.batch.state, range(len(self.batch.network.signals))
        for env, now in enumerate(state.now.tolist()):
            row = [state.signal(env, index) for index in signals]
            if env not in self._now or now < self._now[env]:  # the first decision of an episode
                self.forget(env)
                self._due[env] = now + MIN_MEASUREMENT
                self.timings.update({(env, index): Timing.measuring(row[index]) for index in signals})
            elif now >= self._due[env]:
                self._due[env] = now + self.replan
                self.plan(env, row)
            self._now[env] = now
            self.adapt(env, row)
        return super().act(observation, mask, deterministic)

    def choose(self, state: SignalState, place: Place) -> int:
        """Phase whose slot the plan is in; of the network's own program before the first plan."""
        timing = self.timings[place]
        return timing.phase(state.now) if len(timing.slots) else super().choose(state, place)

    def plan(self, env: int, row: Sequence[SignalState]) -> None:
        """Make the plans of simulation ``env`` from the flows measured since the last ones."""
        timings = [self.timings[env, index] for index in range(len(row))]
        flows = [timing.flows(state) for timing, state in zip(timings, row, strict=True)]
        times = [
            np.array(bounded_phase_times(critical_ratios(state.signal.serves, flow)), dtype=np.float64)
            for state, flow in zip(row, flows, strict=True)
        ]
        shortest = SHORTEST_SLOT * max(len(part) for part in times)
        cycle = max(self._factor * max(float(part.sum()) for part in times), shortest)
        slots = [fit_cycle(part, cycle) for part in times]
        carried = [float(flows[link.target][link.approach]) for link in self.links]
        tree = heaviest_tree(self.links, carried, len(row))
        for timing, state, part, offset in zip(
            timings, row, slots, offsets(tree, slots, cycle, self._pace), strict=True
        ):
            timing.slots, timing.start = part, state.now + offset - cycle
            timing.update(state)

    def forget(self, env: int) -> None:
        """Forget what was remembered of simulation ``env``, where a new episode has begun."""

    def adapt(self, env: int, row: Sequence[SignalState]) -> None:
        """Change the plans of simulation ``env`` in execution; fixed-time plans stay."""


def fit_cycle(slots: Array, cycle: float) -> Array:
    """Slots in the same proportions that fill a cycle, each at least `SHORTEST_SLOT`, s."""
    spare = np.maximum(slots - SHORTEST_SLOT, 0.0)
    left = max(cycle - SHORTEST_SLOT * len(slots), 0.0)
    part = spare / spare.sum() if spare.sum() > 0 else np.full(len(slots), 1.0 / len(slots))
    filled: Array = SHORTEST_SLOT + left * part
    return filled


def coordinated(env: TrafficEnv) -> Coordinated:
    """Make the baseline ``coordinated`` with the parameters tuned for its network."""
    return Coordinated(env, **tuned_parameters(env.batch.network.config, "coordinated"))
