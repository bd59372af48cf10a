"""Reads SUMO network files: lanes, connections, and signals with the lanes that each phase serves."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_traffic.network.phases import is_green_phase
from sandbox_traffic.sumo.safety import check_network_file

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
class Signal:
    """A traffic signal and the lanes that it controls.

    Attributes:
        id: SUMO's id.
        greens: States of the green phases, in the program's order, without repetition.
        program: The network's own program as ``(state, seconds)``.
        offset: Offset of the program, s.
        incoming: Incoming lanes, in the order of the links.
        outgoing: Outgoing lanes, in the order of the links.
        movements: Incoming and outgoing lane of every movement, as indices into ``incoming`` and
            ``outgoing``, shape ``(movements, 2)``.
        serves: 1 where a phase gives green to some link of a lane, shape ``(phases, incoming)``.
        moves: 1 where a phase gives green to a movement, shape ``(phases, movements)``.
        links: Place of each movement's link in the states.
    """

    id: str
    greens: tuple[str, ...]
    program: tuple[tuple[str, float], ...]
    offset: float
    incoming: tuple[str, ...]
    outgoing: tuple[str, ...]
    movements: NDArray[np.intp]
    serves: NDArray[np.float64]
    moves: NDArray[np.float64]
    links: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RoadNetwork:
    """Contents of a network file.

    Attributes:
        path: The file.
        lanes: Lanes by id.
        upstream: Lanes that lead into each lane.
        signalled: Incoming lanes of all signals.
        signals: Signals that can be controlled, those with at least two green phases.
    """

    path: Path
    lanes: dict[str, Lane]
    upstream: dict[str, tuple[str, ...]]
    signalled: frozenset[str]
    signals: tuple[Signal, ...]

    def approach(self, lane: str, distance: float) -> list[str]:
        """``lane`` and the lanes that lead into it, upstream to ``distance`` m or another signal.

        A lane belongs to the approach if its downstream end lies within ``distance``.
        """
        approach, queue = [lane], [(lane, self.lanes[lane].length)]
        while queue:
            current, covered = queue.pop(0)
            if covered > distance:
                continue
            for feeder in self.upstream.get(current, ()):
                if feeder not in approach and feeder not in self.signalled:
                    approach.append(feeder)
                    queue.append((feeder, covered + self.lanes[feeder].length))
        return approach

    def edges_upstream(self, lane: str) -> set[str]:
        """Edges of ``lane`` and of all lanes that lead into it without another signal between."""
        return {self.lanes[name].edge for name in self.approach(lane, float("inf"))}

    def loop_position(self, lane: str) -> float:
        """Distance of a lane's induction loop from the start of the lane, m."""
        length, speed = self.lanes[lane].length, self.lanes[lane].speed
        return max(length - LOOP_HEADWAY * speed, min(1.0, length / 2))


def read_network(path: Path) -> RoadNetwork:
    """Read the network file ``path`` (plain or gzipped).

    Raises:
        BrokenFileError: If the file is missing, not XML, not a network, or holds elements that do not
            belong in a network.
    """
    check_network_file(path)
    lanes: dict[str, Lane] = {}
    upstream: dict[str, list[str]] = defaultdict(list)
    links: dict[str, dict[int, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    programs: dict[str, tuple[float, list[tuple[str, float]]]] = {}
    try:
        for element in elements(path):
            if element.tag == "edge":
                _read_edge(element, lanes)
            elif element.tag == "connection":
                _read_connection(element, lanes, upstream, links)
            elif element.tag == "tlLogic":
                phases = [
                    (phase.attrib["state"], float(phase.attrib["duration"]))
                    for phase in element.iter("phase")
                ]
                programs[element.attrib["id"]] = (float(element.get("offset", 0)), phases)
    except (KeyError, ValueError) as error:
        raise BrokenFileError(path, f"not a SUMO network: {error!r} in <{element.tag}>") from None
    if not lanes:
        raise BrokenFileError(path, "not a SUMO network: it has no <edge> with lanes.")
    signals = tuple(
        _signal(path, name, *programs[name], links[name]) for name in sorted(programs) if links.get(name)
    )
    signalled = frozenset(lane for signal in signals for lane in signal.incoming)
    return RoadNetwork(
        path=path,
        lanes=lanes,
        upstream={lane: tuple(dict.fromkeys(feeders)) for lane, feeders in upstream.items()},
        signalled=signalled,
        signals=tuple(signal for signal in signals if len(signal.greens) > 1),
    )


def elements(path: Path) -> Iterator[ElementTree.Element]:
    """Yield the top-level elements of an XML file, each with all its children."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            depth = 0
            root: Any = None
            for event, element in ElementTree.iterparse(file, ("start", "end")):
                depth += 1 if event == "start" else -1
                if root is None:
                    root = element
                if event == "end" and depth == 1:
                    yield element
                    root.clear()
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise BrokenFileError(path, f"not well-formed XML ({error}).", line) from None
    except FileNotFoundError:
        raise BrokenFileError(path, "no such file.") from None
    except (OSError, EOFError) as error:
        raise BrokenFileError(path, f"cannot be read ({error}).") from None


def _read_edge(element: ElementTree.Element, lanes: dict[str, Lane]) -> None:
    if element.get("function") in {"internal", "crossing", "walkingarea", "connector"}:
        return
    for lane in element.iter("lane"):
        name = lane.attrib["id"]
        lanes[name] = Lane(
            name, element.attrib["id"], float(lane.attrib["length"]), float(lane.attrib["speed"])
        )


def _read_connection(
    element: ElementTree.Element,
    lanes: dict[str, Lane],
    upstream: dict[str, list[str]],
    links: dict[str, dict[int, list[tuple[str, str]]]],
) -> None:
    source = f"{element.attrib['from']}_{element.attrib['fromLane']}"
    target = f"{element.attrib['to']}_{element.attrib['toLane']}"
    if source not in lanes or target not in lanes:
        return
    upstream[target].append(source)
    if "tl" in element.attrib:
        links[element.attrib["tl"]][int(element.attrib["linkIndex"])].append((source, target))


def _signal(
    path: Path,
    name: str,
    offset: float,
    program: list[tuple[str, float]],
    links: dict[int, list[tuple[str, str]]],
) -> Signal:
    greens = tuple(dict.fromkeys(state for state, _ in program if is_green_phase(state)))
    if any(index >= len(state) for index in links for state in greens):
        raise BrokenFileError(path, f"signal '{name}' has more links than its phases have characters.")
    flat = [(index, pair) for index in sorted(links) for pair in links[index]]
    incoming = tuple(dict.fromkeys(source for _, (source, _) in flat))
    outgoing = tuple(dict.fromkeys(target for _, (_, target) in flat))
    movements = np.array([(incoming.index(a), outgoing.index(b)) for _, (a, b) in flat], dtype=np.intp)
    moves = np.array([[state[index] in "Gg" for index, _ in flat] for state in greens], dtype=np.float64)
    moves = moves.reshape(len(greens), len(flat))  # also where there is no green phase
    serves = np.zeros((len(greens), len(incoming)))
    for phase, link in zip(*np.nonzero(moves), strict=True):
        serves[phase, movements[link, 0]] = 1.0
    return Signal(
        id=name,
        greens=greens,
        program=tuple(program),
        offset=offset,
        incoming=incoming,
        outgoing=outgoing,
        movements=movements,
        serves=serves,
        moves=moves,
        links=tuple(index for index, _ in flat),
    )


def require_signals(network: RoadNetwork) -> None:
    """Check that the network has a signal to control.

    Raises:
        InvalidValueError: If it has none.
    """
    if not network.signals:
        raise InvalidValueError(
            f"The network {network.path} has no signal with two or more green phases, so nothing to control."
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
