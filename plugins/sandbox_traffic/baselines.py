"""Classical controllers. They read the simulator's snapshots and choose phases under the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.control import SignalControl
from sandbox_traffic.tuned import DEFAULTS, parameters

ACTUATED_MAX_GREEN = 50
"""Longest green of the actuated controller where the configuration sets none, s."""


class Controller:
    """A rule for one signal at a time, played as a policy of one row a signal of every copy."""

    def __init__(self, env: Any) -> None:
        self.controls: Sequence[SignalControl] = env.controls

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing is remembered between decisions."""

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[np.int64]:
        """Choose a phase for every signal, shape ``(copies · signals,)``; see `sandbox.api.Policy`."""
        chosen = [
            self.choose(control, index) for control in self.controls for index in range(len(control.signals))
        ]
        return np.array(chosen, dtype=np.int64)

    def save(self, directory: Path) -> None:
        """A classical controller is not saved."""
        raise NotImplementedError("a baseline is made from its environment, not saved")

    def choose(self, control: SignalControl, index: int) -> int:
        """Phase for signal ``index`` of a copy."""
        raise NotImplementedError


def best(control: SignalControl, index: int, values: NDArray[np.float64]) -> int:
    """The allowed phase of highest value; the present one where it ties."""
    clock, mask = control.clocks[index], control.mask(index)
    values = np.where(mask, values, -np.inf)
    if mask[clock.phase] and values[clock.phase] >= values.max():
        return clock.phase
    return int(np.argmax(values))


class FixedTime(Controller):
    """The network's own program at the grain of decisions.

    A phase's slot is its green and the states that follow it up to the next green; at each decision
    the phase whose slot the program is in is requested. Cycle, order and splits are the program's;
    yellow and all-red are the environment's, like everybody's.
    """

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self._slots = [_slots(signal.program, signal.greens) for signal in self.controls[0].signals]

    def choose(self, control: SignalControl, index: int) -> int:
        """Phase whose slot the program is in."""
        slots = self._slots[index]
        cycle = slots[-1][0]
        position = (control.now - control.signals[index].offset) % cycle
        return next(phase for end, phase in slots if position < end)


def _slots(program: tuple[tuple[str, float], ...], greens: tuple[str, ...]) -> list[tuple[float, int]]:
    """``(end of slot, phase)`` over one cycle; states before the first green belong to the last one."""
    last = next(greens.index(state) for state, _ in reversed(program) if state in greens)
    slots, end, phase = [], 0.0, last
    for state, seconds in program:
        phase = greens.index(state) if state in greens else phase
        end += seconds
        slots.append((end, phase))
    return slots


class MaxPressure(Controller):
    """Varaiya's max-pressure: argmax over phases of Σ over movements of incoming − outgoing vehicles.

    The demand of an incoming lane is shared equally among its movements, as turning ratios are not
    known.
    """

    def choose(self, control: SignalControl, index: int) -> int:
        """The phase of largest pressure."""
        signal, view = control.signals[index], control.layout.views[index]
        incoming = control.approaches.count[view.rows][signal.movements[:, 0]]
        outgoing = control.snapshot.count[view.outgoing][signal.movements[:, 1]]
        return best(control, index, signal.moves @ (incoming - outgoing))


class MaxWave(Controller):
    """Greedy: the phase that serves most vehicles, standing or approaching."""

    def choose(self, control: SignalControl, index: int) -> int:
        """The phase with the largest wave."""
        rows = control.layout.views[index].rows
        return best(control, index, control.signals[index].serves @ control.approaches.count[rows])


class Actuated(Controller):
    """Vehicle-actuated control with gap-out, max-out and phase skipping.

    Green is extended while some served loop was crossed within the passage time, up to the longest
    green. Then the next phase of the program's order with a call (a vehicle within the detection
    range of a lane that the present phase does not serve) follows; without any call green rests.

    Args:
        env: The environment.
        passage: Passage time, s: green is extended while a loop was crossed in the last so many seconds.
    """

    def __init__(self, env: Any, passage: float = DEFAULTS["actuated"]["passage"]) -> None:
        super().__init__(env)
        self._passage = passage

    def choose(self, control: SignalControl, index: int) -> int:
        """The present phase or the next one with a call."""
        signal, clock = control.signals[index], control.clocks[index]
        rows, mask = control.layout.views[index].rows, control.mask(index)
        served = signal.serves[clock.phase] > 0
        flowing = bool((control.approaches.gap[rows][served] <= self._passage).any())
        if mask[clock.phase] and flowing and not maxed_out(control, index):
            return clock.phase
        return next_call(control, index)


def next_call(control: SignalControl, index: int) -> int:
    """The next phase in order for which a lane that the present one does not serve holds vehicles."""
    signal, clock, mask = control.signals[index], control.clocks[index], control.mask(index)
    rows = control.layout.views[index].rows
    calls = (control.approaches.count[rows] > 0) & (signal.serves[clock.phase] == 0)
    for step in range(1, len(signal.greens)):
        phase = (clock.phase + step) % len(signal.greens)
        if mask[phase] and (signal.serves[phase] * calls).any():
            return phase
    return clock.phase if mask[clock.phase] else int(np.argmax(mask))


def maxed_out(control: SignalControl, index: int) -> bool:
    """Whether the longest green would be exceeded by staying."""
    longest = control.config.max_green or ACTUATED_MAX_GREEN
    since = control.clocks[index].green_since
    return control.now + control.config.decision_interval - since > longest


def fixed_time(env: Any) -> FixedTime:
    """The baseline ``fixed-time``."""
    return FixedTime(env)


def max_pressure(env: Any) -> MaxPressure:
    """The baseline ``max-pressure``."""
    return MaxPressure(env)


def max_wave(env: Any) -> MaxWave:
    """The baseline ``max-wave``."""
    return MaxWave(env)


def actuated(env: Any) -> Actuated:
    """The baseline ``actuated``."""
    return Actuated(env, **parameters(env.controls[0].config, "actuated"))
