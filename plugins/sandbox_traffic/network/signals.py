"""Traffic signals: their phases, and the lanes and crossings that each phase serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic.network.nema import NEMA, plan_ring_phases
from sandbox_traffic.network.phase_plan import PhasePlan, TimingRules, plan_phases
from sandbox_traffic.network.phases import GREEN, always_green, green_links
from sandbox_traffic.network.programs import Program

TURNAROUND = "t"
"""SUMO's direction of a connection that turns back."""

LaneLinks = Mapping[int, Sequence[tuple[str, str, str]]]
"""Incoming lane, outgoing lane and direction of each link of a signal, by the link's place in the states."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A pedestrian crossing that a signal controls.

    Attributes:
        edge: SUMO's id.
        areas: Walking areas on which pedestrians wait for it.
        links: Its places in the states.
    """

    edge: str
    areas: tuple[str, ...]
    links: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Signal:
    """A traffic signal and what it controls.

    Links that are green in every phase tell nothing about any of them, so they serve nobody in `serves`,
    `calls` and `movement_weight`.

    Attributes:
        id: SUMO's id.
        program: The network's own program.
        plan: Its phases and the rules between them.
        incoming: Incoming lanes, in the order of the links.
        outgoing: Outgoing lanes, in the order of the links.
        movements: Incoming and outgoing lane of every movement, as indices into ``incoming`` and
            ``outgoing``, shape ``(movements, 2)``.
        links: Place of each movement's link in the states.
        turns_back: Movements that turn back, shape ``(movements,)``.
        crossings: Pedestrian crossings.
    """

    id: str
    program: Program
    plan: PhasePlan
    incoming: tuple[str, ...]
    outgoing: tuple[str, ...]
    movements: NDArray[np.intp]
    links: tuple[int, ...]
    turns_back: NDArray[np.bool_]
    crossings: tuple[Crossing, ...] = field(default=())

    @property
    def phases(self) -> tuple[str, ...]:
        """State of each phase."""
        return self.plan.states

    @cached_property
    def moves(self) -> NDArray[np.float64]:
        """1 where a phase gives green to a movement, shape ``(phases, movements)``."""
        green = [[state[link] in GREEN for link in self.links] for state in self.phases]
        return np.array(green, dtype=np.float64).reshape(len(self.phases), len(self.links))

    @cached_property
    def decided(self) -> NDArray[np.bool_]:
        """Movements that are not green in every phase, shape ``(movements,)``."""
        free = always_green(self.phases)
        return np.array([link not in free for link in self.links], dtype=np.bool_)

    @cached_property
    def serves(self) -> NDArray[np.float64]:
        """1 where a phase gives green to some decided movement of a lane, shape ``(phases, incoming)``."""
        return self._by_lane(self.moves.astype(np.bool_)).astype(np.float64)

    @cached_property
    def calls(self) -> NDArray[np.bool_]:
        """Lanes with a movement that is red in a phase and green in another.

        Shape ``(phases, phases, incoming)``; the first axis is the phase that is shown.
        """
        green = self.moves.astype(np.bool_)
        return self._by_lane(~green[:, None, :] & green[None, :, :])

    @cached_property
    def movement_weight(self) -> NDArray[np.float64]:
        """Share of a lane's vehicles for each of its decided movements, shape ``(movements,)``.

        Equal shares, none for a turnaround, which hardly anyone takes, where the lane has another one.
        """
        lanes, width = self.movements[:, 0], len(self.incoming)
        onward = self.decided & ~self.turns_back
        counted = np.where(np.bincount(lanes[onward], minlength=width)[lanes] > 0, onward, self.decided)
        return np.where(
            counted, 1.0 / np.maximum(np.bincount(lanes[counted], minlength=width)[lanes], 1), 0.0
        )

    @cached_property
    def walks(self) -> NDArray[np.float64]:
        """1 where a phase gives green to a crossing, shape ``(phases, crossings)``."""
        green = [
            [any(state[link] in GREEN for link in crossing.links) for crossing in self.crossings]
            for state in self.phases
        ]
        return np.array(green, dtype=np.float64).reshape(len(self.phases), len(self.crossings))

    @cached_property
    def walk_decided(self) -> NDArray[np.bool_]:
        """Crossings that are not green in every phase, shape ``(crossings,)``."""
        decided: NDArray[np.bool_] = (self.walks == 0).any(axis=0)
        return decided

    @property
    def is_meter(self) -> bool:
        """Whether one of the phases gives green to no link: the signal meters an entry, as on a ramp."""
        return not all(map(green_links, self.phases))

    def _by_lane(self, green: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether some decided movement of each lane is true, shape ``(…, incoming)``."""
        by_lane = np.zeros((*green.shape[:-1], len(self.incoming)), dtype=np.bool_)
        for movement in np.flatnonzero(self.decided).tolist():
            by_lane[..., self.movements[movement, 0]] |= green[..., movement]
        return by_lane


def make_signal(
    program: Program, links: LaneLinks, crossings: Sequence[Crossing], rules: TimingRules
) -> Signal:
    """The signal that runs ``program``.

    Raises:
        ValueError: If the program does not fit the links.
    """
    walking = frozenset(link for crossing in crossings for link in crossing.links)
    width = len(program.steps[0].state) if program.steps else 0
    if program.steps and any(index >= width for index in (*links, *walking)):
        raise ValueError(f"signal '{program.signal}' has more links than its phases have characters")
    nema = program.kind == NEMA
    plan = plan_ring_phases(program, rules) if nema else plan_phases(program, rules, walking)
    flat = [(index, pair) for index in sorted(links) for pair in links[index]]
    incoming = tuple(dict.fromkeys(source for _, (source, _, _) in flat))
    outgoing = tuple(dict.fromkeys(target for _, (_, target, _) in flat))
    pairs = [(incoming.index(source), outgoing.index(target)) for _, (source, target, _) in flat]
    return Signal(
        id=program.signal,
        program=program,
        plan=plan,
        incoming=incoming,
        outgoing=outgoing,
        movements=np.array(pairs, dtype=np.intp).reshape(-1, 2),
        links=tuple(index for index, _ in flat),
        turns_back=np.array([turn == TURNAROUND for _, (_, _, turn) in flat], dtype=np.bool_),
        crossings=tuple(crossings),
    )


def choose_programs(programs: Sequence[Program], chosen: str | None) -> dict[str, Program]:
    """The program that runs at each signal: the one that is loaded last, as in SUMO, unless one is chosen.

    Args:
        programs: In the order in which SUMO loads them.
        chosen: ``programID`` of the one to run where a signal has it.

    Raises:
        InvalidValueError: If no signal has the chosen program; lists those there are.
    """
    running = {program.signal: program for program in programs}
    if chosen is not None:
        named = {program.signal: program for program in programs if program.id == chosen}
        if not named:
            known = ", ".join(dict.fromkeys(program.id for program in programs)) or "none"
            raise InvalidValueError(f"No signal has a program '{chosen}'.", f"Known programs: {known}.")
        running |= named
    return running
