"""Signal states as SUMO writes them, and the safe way from one green phase to another.

A state has one character a link: ``G``/``g`` green with and without priority, ``y`` yellow,
``r`` red, ``s`` stop then go (turn on red), ``o``/``O`` off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

GREEN = frozenset("Gg")


def is_green_phase(state: str) -> bool:
    """Whether ``state`` lets somebody go and clears nobody."""
    return any(link in GREEN for link in state) and not any(link in "yYu" for link in state)


def yellow_state(old: str, new: str) -> str:
    """State that warns the links which lose green; all others stay as they are.

    A link that is green before and after keeps its old character: ``g`` must go on giving way to
    those who still clear the junction, and ``G`` conflicts with nobody yet.
    """
    return "".join(
        "y" if a in GREEN and b not in GREEN else ("r" if a in "yYu" else a)
        for a, b in zip(old, new, strict=True)
    )


def clearance_state(old: str, new: str) -> str:
    """State between yellow and the new green: links that lost green are red."""
    return "".join(
        "r" if (a in GREEN and b not in GREEN) or a in "yYu" else a for a, b in zip(old, new, strict=True)
    )


@lru_cache(maxsize=10_000)
def transition(old: str, new: str, yellow: int, all_red: int) -> tuple[tuple[int, str], ...]:
    """Switches that lead from green phase ``old`` to ``new``.

    Returns:
        ``(seconds from now, state)`` pairs; the last one is the new green. Where no link loses
        green there is nothing to clear and the new green starts at once.
    """
    if all(b in GREEN for a, b in zip(old, new, strict=True) if a in GREEN):
        return ((0, new),)
    switches = [(0, yellow_state(old, new))]
    if all_red:
        switches.append((yellow, clearance_state(old, new)))
    switches.append((yellow + all_red, new))
    return tuple(switches)


@dataclass(slots=True)
class PhaseClock:
    """Enforces min-green, max-green, yellow and all-red for one signal, whoever controls it.

    Attributes:
        greens: States of the green phases.
        phase: Phase that shows green or is being changed to.
        green_since: Time at which its green starts (in the future while it is being changed to), s.
        pending: Switches ordered but not yet due, ``(time, state)``.
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
        """Begin an episode with a phase's green."""
        self.phase, self.green_since = phase, now
        self.pending = [(now, self.greens[phase])]
        self.shown = self.greens[phase]

    def may_switch(self, now: int) -> bool:
        """Whether the shortest green is over."""
        return now - self.green_since >= self.min_green

    def may_stay(self, now: int, interval: int) -> bool:
        """Whether the longest green outlasts the coming interval."""
        return self.max_green is None or now + interval - self.green_since <= self.max_green

    def allowed(self, now: int, interval: int) -> list[bool]:
        """For every phase, whether it may be asked for now."""
        if not self.may_switch(now):
            return [phase == self.phase for phase in range(len(self.greens))]
        stay = self.may_stay(now, interval)
        return [stay or phase != self.phase for phase in range(len(self.greens))]

    def request(self, phase: int, now: int, interval: int) -> bool:
        """Ask for ``phase``; order the switches that lead to it.

        Returns:
            False if the request is forbidden: the phase is kept, or, where the longest green is
            over, the next phase follows.

        Raises:
            IndexError: If there is no such phase.
        """
        if not 0 <= phase < len(self.greens):
            raise IndexError(f"phase {phase} of a signal that has {len(self.greens)}")
        own = phase == self.phase
        granted = (not own or self.may_stay(now, interval)) if self.may_switch(now) else own
        if not granted:
            phase = self.phase if not self.may_switch(now) else (self.phase + 1) % len(self.greens)
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


def allowed_phases(clocks: Sequence[PhaseClock], now: int, interval: int, width: int) -> NDArray[np.bool_]:
    """`PhaseClock.allowed` of several signals at once, shape ``(signals, width)``, padded with false."""
    table = np.zeros((len(clocks), width), dtype=np.bool_)
    for row, clock in enumerate(clocks):
        if clock.may_switch(now):
            table[row, : len(clock.greens)] = True
            table[row, clock.phase] = clock.may_stay(now, interval)
        else:
            table[row, clock.phase] = True
    return table
