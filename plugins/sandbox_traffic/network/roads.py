"""Roads and signals of a network: lanes, approaches, and which signals can be controlled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import InvalidValueError
from sandbox_traffic.network.signals import Signal

VEHICLE_SPACE = 7.5
"""Length of lane that a standing vehicle occupies, m: 5 m and a gap of 2.5 m, as SUMO's default vehicle."""

LOOP_HEADWAY = 2.0
"""Distance of an induction loop from the stop line, s at the speed limit."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane: its id, its edge, its length, m, and its speed limit, m/s."""

    id: str
    edge: str
    length: float
    speed: float


@dataclass(frozen=True, slots=True)
class RoadNetwork:
    """Contents of a network file and of the programs in additional files.

    Attributes:
        path: The network file.
        lanes: Lanes by id.
        upstream: Lanes that lead into each lane, turnarounds left out.
        downstream: Lanes that each lane leads into, turnarounds left out.
        signalled: Incoming lanes of all signals.
        exits: For each of these lanes, the edges of its signal's exits.
        signals: Signals that can be controlled, those with at least two phases.
    """

    path: Path
    lanes: Mapping[str, Lane]
    upstream: Mapping[str, tuple[str, ...]]
    signalled: frozenset[str]
    signals: tuple[Signal, ...]
    exits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    downstream: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def approach(self, lane: str, distance: float) -> list[str]:
        """``lane`` and the lanes that lead into it, upstream to ``distance`` m or another signal.

        A lane belongs to the approach if its downstream end lies within ``distance``. An approach never goes
        on through a turnaround or on an exit of its own signal: who is there has passed the signal.
        """
        exits = self.exits.get(lane, frozenset())
        approach, queue = [lane], [(lane, self.lanes[lane].length)]
        while queue:
            current, covered = queue.pop(0)
            if covered > distance:
                continue
            for feeder in self.upstream.get(current, ()):
                if feeder in approach or feeder in self.signalled or self.lanes[feeder].edge in exits:
                    continue
                approach.append(feeder)
                queue.append((feeder, covered + self.lanes[feeder].length))
        return approach

    def edges_upstream(self, lane: str) -> set[str]:
        """Edges of ``lane`` and of all lanes that lead into it without another signal between."""
        return {self.lanes[name].edge for name in self.approach(lane, float("inf"))}

    def merge_downstream(self, lanes: Iterable[str]) -> tuple[str, ...]:
        """Lanes of the first road downstream of ``lanes`` into which another road leads too.

        Empty where the road ends or forks before.
        """
        edges = {self.lanes[lane].edge for lane in lanes}
        for _ in range(len(self.lanes)):
            if len(edges) != 1:
                return ()
            (edge,) = edges
            following = {
                target
                for name, lane in self.lanes.items()
                if lane.edge == edge
                for target in self.downstream.get(name, ())
            }
            edges = {self.lanes[name].edge for name in following}
            road = tuple(name for name, lane in self.lanes.items() if lane.edge in edges)
            feeders = {self.lanes[feeder].edge for name in road for feeder in self.upstream.get(name, ())}
            if len(edges) == 1 and len(feeders) > 1:
                return road
        return ()

    def loop_position(self, lane: str) -> float:
        """Distance of a lane's induction loop from the start of the lane, m."""
        length, speed = self.lanes[lane].length, self.lanes[lane].speed
        return max(length - LOOP_HEADWAY * speed, min(1.0, length / 2))


def require_signals(network: RoadNetwork) -> None:
    """Check that the network has a signal to control.

    Raises:
        InvalidValueError: If it has none.
    """
    if not network.signals:
        raise InvalidValueError(
            f"The network {network.path} has no signal with two or more phases, so nothing to control.",
            "A phase is a state of the signal's program that gives green to somebody, or the red of a meter.",
        )


def require_one_signal(network: RoadNetwork) -> None:
    """Check that the network has exactly one signal to control.

    Raises:
        InvalidValueError: If it has none or several; the message gives the number.
    """
    require_signals(network)
    count = len(network.signals)
    if count > 1:
        raise InvalidValueError(
            f"The network {network.path} has {count} signals to control, "
            "and the task traffic/signal takes one.",
            "Use a scenario of the task traffic/signals, which controls them all.",
        )
