"""The rules between a requested phase and what a signal shows: yellow, all-red, minimum and maximum green.

Pure functions over states and times, which may be numbers or arrays, and `PhaseClock`, which keeps the rules
for one signal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network.phases import CHANGING, GREEN


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


@lru_cache(maxsize=10_000)
def transition(old: str, new: str, yellow: int, all_red: int) -> tuple[tuple[int, str], ...]:
    """Switches that lead from the green phase ``old`` to the green phase ``new``.

    Returns:
        ``(seconds from now, state)`` pairs; the last one is the new green. Where no link loses
        green, there is nothing to clear and the new green starts at once.
    """
    if all(b in GREEN for a, b in zip(old, new, strict=True) if a in GREEN):
        return ((0, new),)
    switches = [(0, yellow_state(old, new))]
    if all_red:
        switches.append((yellow, clearance_state(old, new)))
    switches.append((yellow + all_red, new))
    return tuple(switches)


def may_switch(now: Any, green_since: Any, min_green: int) -> Any:
    """Whether the minimum green is over; times in s."""
    return now - green_since >= min_green


def may_stay(now: Any, green_since: Any, max_green: int | None, interval: int) -> Any:
    """Whether the maximum green, if there is one, lasts through the next ``interval``; times in s."""
    return now + interval - green_since <= (math.inf if max_green is None else max_green)


def allowed_phases(
    switch: NDArray[np.bool_],
    stay: NDArray[np.bool_],
    present: NDArray[np.bool_],
    exists: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Phases that may be requested, for any number of signals at once.

    Before the minimum green is over, only the present phase is allowed; after it, all others are, and the
    present one while the maximum green lasts.

    Args:
        switch: Whether the minimum green is over, shape ``(…)``.
        stay: Whether the maximum green lasts through the next interval, shape ``(…)``.
        present: One-hot of the phase that is green or being changed to, shape ``(…, max_phases)``.
        exists: Which phases a signal has, shape ``(…, max_phases)``.

    Returns:
        Shape ``(…, max_phases)``.
    """
    if_present, if_other = (stay | ~switch)[..., None], switch[..., None]
    allowed: NDArray[np.bool_] = np.where(present, if_present, exists & if_other)
    return allowed


@dataclass(slots=True)
class PhaseClock:
    """Keeps the rules for one signal, whichever controller requests its phases.

    Attributes:
        greens: States of the green phases.
        min_green: Minimum green, s.
        yellow: Yellow of links that lose green, s.
        all_red: Clearance after yellow, s.
        max_green: Maximum green, s; None for no limit.
        phase: The phase that is green or being changed to.
        green_since: Time at which its green starts, s; in the future while it is being changed to.
        pending: Switches that are not yet due, as ``(time, state)``.
        shown: State that the latest due switch brought.
    """

    greens: tuple[str, ...]
    min_green: int
    yellow: int
    all_red: int
    max_green: int | None = None
    phase: int = 0
    green_since: int = 0
    pending: list[tuple[int, str]] = field(default_factory=list)
    shown: str = ""

    def start(self, now: int, phase: int = 0) -> None:
        """Begin an episode with the green of ``phase``."""
        self.phase, self.green_since = phase, now
        self.pending = [(now, self.greens[phase])]
        self.shown = self.greens[phase]

    def request(self, phase: int, now: int, interval: int) -> bool:
        """Request ``phase``; schedules the switches that lead to it.

        Returns:
            False if the request is not allowed. The phase is then kept or, where the maximum green is
            over, the next phase follows.

        Raises:
            IndexError: If there is no such phase.
        """
        if not 0 <= phase < len(self.greens):
            raise IndexError(f"phase {phase} of a signal that has {len(self.greens)}")
        granted = True
        if not may_switch(now, self.green_since, self.min_green):
            granted, phase = phase == self.phase, self.phase
        elif phase == self.phase and not may_stay(now, self.green_since, self.max_green, interval):
            granted, phase = False, (self.phase + 1) % len(self.greens)
        if phase != self.phase:
            steps = transition(self.greens[self.phase], self.greens[phase], self.yellow, self.all_red)
            self.pending.extend((now + after, state) for after, state in steps)
            self.phase, self.green_since = phase, now + steps[-1][0]
        return granted

    def due(self, until: int) -> list[tuple[int, str]]:
        """Take the switches that fall before ``until``."""
        taken = [switch for switch in self.pending if switch[0] < until]
        self.pending = [switch for switch in self.pending if switch[0] >= until]
        if taken:
            self.shown = taken[-1][1]
        return taken
