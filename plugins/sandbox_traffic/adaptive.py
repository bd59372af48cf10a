"""Classical controllers that remember: Webster's plan from measured flows, delay-based control, SOTL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.baselines import Controller, FixedTime, maxed_out, next_call
from sandbox_traffic.control import SignalControl
from sandbox_traffic.generator import LOST_TIME, SATURATION, webster
from sandbox_traffic.tuned import DEFAULTS, parameters

Array = NDArray[np.float64]

MEASURED = 300
"""Webster's controller makes a plan from the flows of at least so many seconds, s."""

MOST_LOADED = 0.9
"""Sums of critical ratios above this are scaled down to it: Webster's formula ends at 1."""

LONGEST_CYCLE = 150.0
"""Webster's cycle is at most this long, s."""


def critical_ratios(serves: Array, flows: Array) -> list[float]:
    """Each phase's largest ratio of flow to saturation flow.

    Args:
        serves: Shape ``(phases, lanes)``, 1 where the phase serves the lane.
        flows: Vehicles/h on each lane; a lane with green in several phases divides its flow among them.
    """
    shared = flows / np.maximum(serves.sum(axis=0), 1.0)
    ratios: list[float] = ((serves * shared).max(axis=1) / SATURATION).tolist()
    return ratios


def plan(ratios: list[float]) -> list[int]:
    """Webster's times of the phases, clearance included, s; bounded where demand exceeds capacity."""
    total = max(sum(ratios), 1e-6)
    lost = LOST_TIME * len(ratios)
    most = min(MOST_LOADED, 1.0 - (1.5 * lost + 5.0) / max(LONGEST_CYCLE, 2.0 * (1.5 * lost + 5.0)))
    scale = min(1.0, most / total)
    return webster([ratio * scale for ratio in ratios])


@dataclass(slots=True)
class _Cycle:
    """A plan in execution: when its present cycle began, the ends of its slots, and the last count."""

    began: int
    ends: list[int]
    counted: int
    passed: Array
    present: Array


class Webster(FixedTime):
    """Webster's fixed-time plan, computed anew every five minutes from the flows of the last five.

    A cycle is played to its end before the next plan begins. The flow of a lane is what crossed its
    loop plus the growth of what stands before it or waits outside, so that queues which outgrow the
    green count as demand. Until the first five minutes are over the network's own program runs.
    """

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._cycles: dict[tuple[int, int], _Cycle] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all plans."""
        self._cycles.clear()

    def choose(self, control: SignalControl, index: int) -> int:
        """Phase whose slot the plan is in."""
        key = (id(control), index)
        cycle = self._cycles.get(key)
        if cycle is None or cycle.began > control.now:
            cycle = self._cycles[key] = self._cycle(control, index, [MEASURED])
        if control.now - cycle.began >= cycle.ends[-1]:
            if control.now - cycle.counted >= MEASURED:
                cycle = self._cycles[key] = self._cycle(control, index, self._ends(control, index, cycle))
            cycle.began = control.now
        if len(cycle.ends) != len(control.signals[index].greens):
            return super().choose(control, index)
        position = control.now - cycle.began
        return next(phase for phase, end in enumerate(cycle.ends) if position < end)

    def _ends(self, control: SignalControl, index: int, cycle: _Cycle) -> list[int]:
        now = self._cycle(control, index, [])
        arrived = np.maximum(now.passed - cycle.passed + now.present - cycle.present, 0.0)
        flows = arrived * 3600.0 / (control.now - cycle.counted)
        times = plan(critical_ratios(control.signals[index].serves, flows))
        return [sum(times[: phase + 1]) for phase in range(len(times))]

    def _cycle(self, control: SignalControl, index: int, ends: list[int]) -> _Cycle:
        rows, here = control.layout.views[index].rows, control.approaches
        present = here.count[rows] + here.outside[rows]
        return _Cycle(control.now, ends, control.now, here.passed[rows].copy(), present)


@dataclass(slots=True)
class _Memory:
    """What a signal remembers: the time of the last decision and one figure an approach or phase."""

    time: int
    figures: Array
    passed: Array = field(default_factory=lambda: np.zeros(0))


class DelayBased(Controller):
    """Extends green while vehicles that have been held up are still before it (SUMO's ``delay_based``).

    SUMO follows each vehicle's time loss; detectors do not. Here an approach collects
    (1 − speed/limit) seconds a vehicle and second, and vehicles take their share along as they cross
    the loop. Green is extended while a served approach's vehicles have lost ``loss`` on average, up to the
    longest green; then the next phase with a call follows.

    Args:
        env: The environment.
        loss: Of a vehicle, s.
    """

    def __init__(self, env: Any, loss: float = DEFAULTS["delay-based"]["loss"]) -> None:
        super().__init__(env)
        self._loss = loss
        self._memory: dict[tuple[int, int], _Memory] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all losses."""
        self._memory.clear()

    def choose(self, control: SignalControl, index: int) -> int:
        """The present phase or the next one with a call."""
        loss = self._losses(control, index)
        clock, rows = control.clocks[index], control.layout.views[index].rows
        count = control.approaches.count[rows]
        held_up = (count > 0) & (loss >= self._loss * np.maximum(count, 1.0))
        served = control.signals[index].serves[clock.phase] > 0
        if control.mask(index)[clock.phase] and (held_up & served).any() and not maxed_out(control, index):
            return clock.phase
        return next_call(control, index)

    def _losses(self, control: SignalControl, index: int) -> Array:
        """Seconds lost by the vehicles on each approach."""
        rows, here, key = control.layout.views[index].rows, control.approaches, (id(control), index)
        passed, count = here.passed[rows], here.count[rows]
        last = self._memory.get(key)
        if last is None or last.time > control.now:
            last = _Memory(control.now, np.zeros(len(count)), passed.copy())
        left = passed - last.passed
        staying = count / np.maximum(count + left, 1.0)
        loss = last.figures * staying + here.slowness[rows] * (control.now - last.time)
        self._memory[key] = _Memory(control.now, loss, passed.copy())
        return loss


class Sotl(Controller):
    """Self-organising lights (Gershenson 2005; Cools et al. 2008): red collects, platoons pass.

    While a phase is red, the vehicles on its approaches add their number times the seconds. The phase
    with the largest sum gets green once that exceeds ``threshold``, unless some vehicles, fewer than
    ``platoon``, are moving towards the present green: they may cross first.

    Args:
        env: The environment.
        threshold: Vehicle seconds.
        platoon: Vehicles; 0 to cut any of them.
    """

    def __init__(
        self,
        env: Any,
        threshold: float = DEFAULTS["sotl"]["threshold"],
        platoon: float = DEFAULTS["sotl"]["platoon"],
    ) -> None:
        super().__init__(env)
        self._threshold, self._platoon = threshold, platoon
        self._memory: dict[tuple[int, int], _Memory] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all sums."""
        self._memory.clear()

    def choose(self, control: SignalControl, index: int) -> int:
        """The present phase or the one that has collected most."""
        signal, clock, mask = control.signals[index], control.clocks[index], control.mask(index)
        rows, here, key = control.layout.views[index].rows, control.approaches, (id(control), index)
        count, queue = here.count[rows], here.queue[rows]
        served = signal.serves[clock.phase] > 0
        last = self._memory.get(key)
        if last is None or last.time > control.now:
            last = _Memory(control.now, np.zeros(len(signal.greens)))
        red = np.where(served, 0.0, count)
        sums = last.figures + signal.serves @ red * (control.now - last.time)
        sums[clock.phase] = 0.0
        self._memory[key] = _Memory(control.now, sums)
        moving = float((count - queue)[served].sum())
        candidate = int(np.argmax(np.where(mask, sums, -1.0)))
        platoon = 0 < moving < self._platoon and not maxed_out(control, index)
        if mask[clock.phase] and (sums[candidate] < self._threshold or platoon):
            return clock.phase
        return candidate


def webster_from_flows(env: Any) -> Webster:
    """The baseline ``webster``."""
    return Webster(env)


def delay_based(env: Any) -> DelayBased:
    """The baseline ``delay-based``."""
    return DelayBased(env, **parameters(env.controls[0].config, "delay-based"))


def sotl(env: Any) -> Sotl:
    """The baseline ``sotl``."""
    return Sotl(env, **parameters(env.controls[0].config, "sotl"))
