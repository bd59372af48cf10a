"""The rules between a requested phase and what a signal shows: clearance, minimum and maximum green.

A signal has one ring, or two where its program is of SUMO's type NEMA. Each ring shows one of its ring phases
and keeps their times; a phase is what all rings show. `allowed_phases` holds for any number of signals at
once, and `PhaseClock` keeps the rules for one signal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network.phase_plan import PhasePlan


def allowed_phases(
    now: NDArray[np.float64],
    interval: float,
    green_since: NDArray[np.float64],
    shown: NDArray[np.intp],
    rings: NDArray[np.intp],
    limits: tuple[NDArray[np.float64], NDArray[np.float64]],
    exists: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Phases that may be requested.

    A ring may go on once its minimum green is over, and keep its ring phase while the maximum green lasts
    through the next interval. No ring changes while the green of another has not begun. If no phase keeps
    both rules, as where one ring must go on and the other may not yet, the present phase is kept.

    Args:
        now: Simulated time, s, shape ``(…, 1)``.
        interval: Time to the next decision, s.
        green_since: Time at which each ring's green starts, s, shape ``(…, signals, rings)``.
        shown: The phase that is shown or being changed to, shape ``(…, signals)``.
        rings: Ring phase of each phase, shape ``(signals, phases, rings)``.
        limits: Minimum and maximum green of the ring phases, s, shape ``(signals, phases, rings)`` each.
        exists: Which phases a signal has, shape ``(signals, phases)``.

    Returns:
        Shape ``(…, signals, phases)``.
    """
    signal = np.arange(len(rings))
    present = rings[signal, shown]
    low, high = (limit[signal, shown] for limit in limits)
    green_time = now[..., None] - green_since
    settled = (green_time >= 0).all(axis=-1, keepdims=True)
    may_go = (green_time >= low) & settled
    may_stay = (green_time + interval <= high) | ~may_go
    changes = rings != present[..., None, :]
    kept = np.where(changes, may_go[..., None, :], may_stay[..., None, :])
    allowed = np.all(kept, axis=-1) & exists
    is_shown = shown[..., None] == np.arange(rings.shape[1])
    mask: NDArray[np.bool_] = allowed | (is_shown & ~np.any(allowed, axis=-1, keepdims=True))
    return mask


def may_switch(
    now: NDArray[np.float64],
    green_since: NDArray[np.float64],
    shown: NDArray[np.intp],
    min_green: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whether each ring's minimum green is over, shape ``(…, signals, rings)``; arguments as above."""
    over: NDArray[np.bool_] = now[..., None] - green_since >= min_green[np.arange(len(min_green)), shown]
    return over


@dataclass(slots=True)
class PhaseClock:
    """Keeps the rules for one signal, whichever controller requests its phases.

    Attributes:
        plan: The phases and the rules between them.
        phase: The phase that is shown or being changed to.
        green_since: Time at which the green of each ring starts, s; in the future while it is being changed
            to.
        pending: Switches that are not yet due, as ``(time, state)``.
        shown: State that the latest due switch brought.
    """

    plan: PhasePlan
    phase: int = 0
    green_since: tuple[float, ...] = ()
    pending: list[tuple[float, str]] = field(default_factory=list)
    shown: str = ""
    _rings: list[list[int]] = field(init=False)
    _low: list[list[float]] = field(init=False)
    _high: list[list[float]] = field(init=False)

    def __post_init__(self) -> None:
        self._rings = self.plan.rings.tolist()
        self._low, self._high = self.plan.min_green.tolist(), self.plan.max_green.tolist()

    def start(self, now: float, phase: int = 0) -> None:
        """Begin an episode with the green of ``phase``."""
        self.phase, self.green_since = phase, (now,) * len(self._rings[phase])
        self.shown = self.plan.states[phase]
        self.pending = [(now, self.shown)]

    def allows(self, phase: int, now: float, interval: float) -> bool:
        """Whether ``phase`` keeps the rules at time ``now``, with ``interval`` s to the next decision."""
        settled = max(self.green_since) <= now
        for wanted, present, since, low, high in zip(
            self._rings[phase],
            self._rings[self.phase],
            self.green_since,
            self._low[self.phase],
            self._high[self.phase],
            strict=True,
        ):
            may_go = settled and now - since >= low
            if wanted != present and not may_go:
                return False
            if wanted == present and may_go and now - since + interval > high:
                return False
        return True

    def request(self, phase: int, now: float, interval: float) -> bool:
        """Request ``phase``; schedules the switches that lead to it.

        Returns:
            False if the request is not allowed. The phase is then kept or, where that is not allowed either,
            the next allowed one follows.

        Raises:
            IndexError: If there is no such phase.
        """
        number = len(self.plan.states)
        if not 0 <= phase < number:
            raise IndexError(f"phase {phase} of a signal that has {number}")
        chosen = phase
        if not self.allows(phase, now, interval):
            order = [(self.phase + step) % number for step in range(number)]
            chosen = next((other for other in order if self.allows(other, now, interval)), self.phase)
        if chosen != self.phase:
            self._change(chosen, now)
        return chosen == phase

    def _change(self, phase: int, now: float) -> None:
        switches = self.plan.transitions[self.phase, phase]
        self.pending.extend((now + after, state) for after, state in switches)
        start = now + switches[-1][0]
        self.green_since = tuple(
            since if wanted == present else start
            for wanted, present, since in zip(
                self._rings[phase], self._rings[self.phase], self.green_since, strict=True
            )
        )
        self.phase = phase

    def follow(self, phase: int, now: float) -> None:
        """Take over what a program of SUMO's shows, phase ``phase`` or the way to it."""
        if phase != self.phase:
            self.phase, self.green_since = phase, (now,) * len(self._rings[phase])
            self.shown = self.plan.states[phase]

    def due(self, until: float) -> list[tuple[float, str]]:
        """Take the switches that fall before ``until``."""
        taken = [switch for switch in self.pending if switch[0] < until]
        self.pending = [switch for switch in self.pending if switch[0] >= until]
        if taken:
            self.shown = taken[-1][1]
        return taken
