"""Adaptive control after SCATS and SCOOT: plans whose splits, cycle and offsets change a little each cycle.

Both products are proprietary and follow detectors second by second; what is here keeps their published rules
at the grain of decisions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox_traffic.baselines.controller import Place, TrafficEnv
from sandbox_traffic.baselines.cycles import SHORTEST_SLOT, Coordinated, Timing, fit_cycle
from sandbox_traffic.baselines.parameters import DEFAULTS, tuned_parameters
from sandbox_traffic.network.webster import LOST_TIME, MAX_CYCLE, SATURATION_FLOW, critical_ratios
from sandbox_traffic.state import Array, SignalState

SCATS_WEIGHTS = (0.45, 0.33, 0.22)
"""Weights of the cycle lengths that the last three cycles asked for, the latest first."""

SCATS_GAIN = 60.0
"""Change of the cycle that a degree of saturation 1 above the target asks for, s."""

SCATS_STEP = 6.0
"""Largest change of the cycle from one to the next, s."""

SCATS_SPLIT = 0.04
"""Largest change of a phase's share of the cycle from one to the next."""

SCOOT_HIGH, SCOOT_LOW = 0.9, 0.8
"""Degrees of saturation above which the common cycle grows, and below which it shrinks."""

SCOOT_EVERY = 300.0
"""Time between two changes of the common cycle, s."""

SCOOT_OFFSET = 4.0
"""Change of an offset from one cycle to the next, s."""

PROFILE_SMOOTHING = 0.5
"""Weight of the latest cycle in a profile of arrivals."""


def saturation(timing: Timing, state: SignalState) -> Array:
    """Degree of saturation of each phase, shape ``(phases,)``: its critical flow by what green can serve."""
    ratios = np.array(critical_ratios(state.signal.serves, timing.usual))
    degrees: Array = ratios * timing.cycle / np.maximum(timing.slots - LOST_TIME, 1.0)
    return degrees


def overall_saturation(timing: Timing, state: SignalState) -> float:
    """Degree of saturation that all phases would have if the splits were balanced: Y C / (C − L)."""
    ratios = critical_ratios(state.signal.serves, timing.usual)
    return sum(ratios) * timing.cycle / max(timing.cycle - LOST_TIME * len(ratios), 1.0)


def balanced(slots: Array, degrees: Array, cycle: float, step: float) -> Array:
    """Slots of a new cycle that bring the degrees of saturation towards one another.

    Args:
        slots: Times of the phases, s, shape ``(phases,)``.
        degrees: Their degrees of saturation.
        cycle: The new cycle, s.
        step: Largest change of a slot, s, before the cycle's own change.
    """
    wanted = fit_cycle(LOST_TIME + (slots - LOST_TIME) * np.maximum(degrees, 0.01), float(slots.sum()))
    return fit_cycle(slots + np.clip(wanted - slots, -step, step), cycle)


class Scats(Coordinated):
    """After SCATS (Sims and Dobinson 1980; Lowrie 1990): each signal equalises degrees of saturation.

    At the end of every cycle, a signal's phases exchange up to 4 % of it in favour of the more saturated
    ones, and its cycle moves by up to 6 s towards the length at which it would be saturated to ``target``,
    averaged over three cycles. Cycles are the signals' own; offsets come from where they start.

    Args:
        env: The environment.
        target: Degree of saturation that the cycle is made for.
    """

    replan = float("inf")

    def __init__(self, env: TrafficEnv, target: float = DEFAULTS["scats-like"]["target"]) -> None:
        super().__init__(env)
        self._target = target
        self._asked: dict[Place, list[float]] = {}

    def forget(self, env: int) -> None:
        """Forget the cycle lengths that were asked for."""
        self._asked = {place: asked for place, asked in self._asked.items() if place[0] != env}

    def adapt(self, env: int, row: Sequence[SignalState]) -> None:
        """Change splits and cycles where a cycle has ended."""
        for index, state in enumerate(row):
            timing = self.timings[env, index]
            if not len(timing.slots) or state.now - timing.start < timing.cycle:
                continue
            start = timing.start + timing.cycle
            if timing.since < start - 0.5 * timing.cycle:  # measured for most of a cycle
                timing.update(state)
                degrees = saturation(timing, state)
                degree = overall_saturation(timing, state)
                cycle = self._next_cycle((env, index), timing.cycle, degree)
                cycle = max(cycle, SHORTEST_SLOT * len(timing.slots))
                timing.slots = balanced(timing.slots, degrees, cycle, SCATS_SPLIT * timing.cycle)
            timing.start = start

    def _next_cycle(self, place: Place, cycle: float, degree: float) -> float:
        """The next cycle of a signal, s."""
        asked = self._asked.setdefault(place, [])
        asked.insert(0, cycle + SCATS_GAIN * (degree - self._target))
        del asked[len(SCATS_WEIGHTS) :]
        weights = np.array(SCATS_WEIGHTS[: len(asked)])
        mean = float(weights @ np.array(asked) / weights.sum())
        return float(min(cycle + np.clip(mean - cycle, -SCATS_STEP, SCATS_STEP), MAX_CYCLE))


class Scoot(Coordinated):
    """After SCOOT (Hunt, Robertson, Bretherton and Royle 1981): small steps of split, cycle and offset.

    - **Split**: at the end of every cycle, phases exchange up to ``step`` s towards equal saturation.
    - **Cycle**: every five minutes the common cycle grows where a signal is saturated to more than 0.9, and
      shrinks where all are below 0.8, by 4 s up to 60 s, by 8 s up to 90 s, and by 16 s beyond.
    - **Offset**: once a cycle, each signal shifts by 4 s, or not, as makes the queue shortest that the
      profile of arrivals predicts on its approaches from other signals.

    Args:
        env: The environment.
        step: Largest change of a slot from one cycle to the next, s.
    """

    replan = float("inf")

    def __init__(self, env: TrafficEnv, step: float = DEFAULTS["scoot-like"]["step"]) -> None:
        super().__init__(env)
        self._step = step
        self._profiles: dict[tuple[int, int], Array] = {}  # by simulation and link
        self._last: dict[tuple[int, int], float] = {}
        self._high: dict[int, float] = {}
        self._changed: dict[int, float] = {}
        network = self.batch.network
        speed = [network.roads.lanes[network.signals[link.target].incoming[link.approach]].speed
                 for link in self.links]  # fmt: skip
        self._lag = [
            min(link.seconds, network.config.detection_range / limit)
            for link, limit in zip(self.links, speed, strict=True)
        ]

    def forget(self, env: int) -> None:
        """Forget the profiles of arrivals and the changes of the cycle."""
        self._profiles = {key: value for key, value in self._profiles.items() if key[0] != env}
        self._last = {key: value for key, value in self._last.items() if key[0] != env}
        self._high.pop(env, None)
        self._changed.pop(env, None)

    def adapt(self, env: int, row: Sequence[SignalState]) -> None:
        """Change splits and offsets where a cycle has ended, and the common cycle when it is time."""
        if not len(self.timings[env, 0].slots):
            return
        self._record(env, row)
        cycle = self.timings[env, 0].cycle
        target = self._common_cycle(env, row[0].now, cycle)
        for index, state in enumerate(row):
            timing = self.timings[env, index]
            if state.now - timing.start < timing.cycle and target == cycle:
                continue
            if state.now - timing.since >= 0.5 * cycle:
                timing.update(state)
                degrees = saturation(timing, state)
                self._high[env] = max(self._high.get(env, 0.0), overall_saturation(timing, state))
                timing.slots = balanced(timing.slots, degrees, cycle, self._step)
                timing.start += self._shift(env, index, timing)
            position = (state.now - timing.start) // cycle
            timing.start += cycle * position
            timing.slots = fit_cycle(timing.slots, target)

    def _common_cycle(self, env: int, now: float, cycle: float) -> float:
        """The common cycle from now on, s."""
        if now - self._changed.setdefault(env, now) < SCOOT_EVERY:
            return cycle
        high = self._high.pop(env, SCOOT_LOW)
        self._changed[env] = now
        step = 4.0 if cycle < 60 else 8.0 if cycle < 90 else 16.0
        shortest = SHORTEST_SLOT * max(len(signal.phases) for signal in self.batch.network.signals)
        change = step if high > SCOOT_HIGH else -step if high < SCOOT_LOW else 0.0
        target = min(max(cycle + change, shortest), MAX_CYCLE)
        if target != cycle:
            self._profiles = {key: value for key, value in self._profiles.items() if key[0] != env}
        return target

    def _record(self, env: int, row: Sequence[SignalState]) -> None:
        """Add what has come to the links' ends since the last decision to the profiles of arrivals."""
        interval = float(self.batch.network.config.decision_interval)
        for number, link in enumerate(self.links):
            state, key = row[link.target], (env, number)
            total = float(state.count[link.approach] + state.passed[link.approach])
            came = max(total - self._last.get(key, total), 0.0)
            self._last[key] = total
            bins = max(round(self.timings[env, link.target].cycle / interval), 1)
            profile = self._profiles.setdefault(key, np.zeros(bins))
            place = int((state.now % self.timings[env, link.target].cycle) // interval) % len(profile)
            profile[place] += PROFILE_SMOOTHING * (came - profile[place])

    def _shift(self, env: int, index: int, timing: Timing) -> float:
        """Change of a signal's offset, s."""
        shifts = (0.0, -SCOOT_OFFSET, SCOOT_OFFSET)
        queues = [0.0, 0.0, 0.0]
        for number, link in enumerate(self.links):
            profile = self._profiles.get((env, number))
            if link.target == index and profile is not None:
                serves = self.batch.network.signals[index].serves[:, link.approach]
                for choice, shift in enumerate(shifts):
                    queues[choice] += predicted_queue(
                        profile, self._lag[number], timing, serves, timing.start + shift
                    )
        return shifts[int(np.argmin(queues))]


def predicted_queue(profile: Array, lag: float, timing: Timing, serves: Array, start: float) -> float:
    """Mean queue of a cycle on an approach, vehicles, in the second of two cycles.

    Args:
        profile: Vehicles that come in each part of the cycle, counted from time 0, shape ``(parts,)``.
        lag: Time from where they are counted to the stop line, s.
        timing: The plan.
        serves: 1 where a phase serves the approach, shape ``(phases,)``.
        start: Start of a cycle of the plan, s.
    """
    parts, cycle = len(profile), timing.cycle
    width = cycle / parts
    ends = np.cumsum(timing.slots)
    queue = total = 0.0
    for number in range(2 * parts):
        time = (number + 0.5) * width
        queue += profile[int(((time - lag) % cycle) // width) % parts]
        position = (time - start) % cycle
        phase = min(int((ends <= position).sum()), len(ends) - 1)
        begun = position - (ends[phase] - timing.slots[phase])
        if serves[phase] and begun >= LOST_TIME:
            queue = max(queue - SATURATION_FLOW / 3600.0 * width, 0.0)
        if number >= parts:
            total += queue
    return total / parts


def scats(env: TrafficEnv) -> Scats:
    """Make the baseline ``scats-like`` with the parameters tuned for its network."""
    return Scats(env, **tuned_parameters(env.batch.network.config, "scats-like"))


def scoot(env: TrafficEnv) -> Scoot:
    """Make the baseline ``scoot-like`` with the parameters tuned for its network."""
    return Scoot(env, **tuned_parameters(env.batch.network.config, "scoot-like"))
