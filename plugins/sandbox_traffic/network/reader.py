"""Reads SUMO network files, and the programs of signals in additional files."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sandbox.api import BrokenFileError
from sandbox_traffic.network.phase_plan import TimingRules
from sandbox_traffic.network.programs import Program, read_program
from sandbox_traffic.network.roads import Lane, RoadNetwork
from sandbox_traffic.network.signals import TURNAROUND, Crossing, Signal, choose_programs, make_signal
from sandbox_traffic.sumo.safety import check_network_file


@dataclass(slots=True)
class _Contents:
    """What has been read so far.

    Attributes:
        lanes: Lanes for vehicles, by id.
        upstream, downstream: Lanes that lead into, and away from, each lane.
        links: Lanes and direction of each link, by signal and place in the states.
        crossings: Edges of pedestrian crossings.
        areas: Walking areas at each crossing.
        walk_links: Signal and places of each crossing.
        programs: In the order of the file.
    """

    lanes: dict[str, Lane] = field(default_factory=dict)
    upstream: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    downstream: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    links: dict[str, dict[int, list[tuple[str, str, str]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    crossings: set[str] = field(default_factory=set)
    areas: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    walk_links: dict[str, tuple[str, list[int]]] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)


def read_network(
    path: Path,
    rules: TimingRules | None = None,
    additional: Sequence[Path] = (),
    program: str | None = None,
) -> RoadNetwork:
    """Read the network file ``path`` (plain or gzipped).

    Args:
        path: The network file.
        rules: Times that the scenario sets for all signals.
        additional: Checked additional files, which may hold further programs of the signals.
        program: ``programID`` of the program to run where a signal has it; the last one if absent, as in
            SUMO.

    Raises:
        BrokenFileError: If the file is missing, not XML, not a network, or holds elements that do not
            belong in a network.
        InvalidValueError: If no signal has the chosen program.
    """
    check_network_file(path)
    contents = _Contents()
    _read(path, contents)
    if not contents.lanes:
        raise BrokenFileError(path, "not a SUMO network: it has no <edge> with lanes.")
    programs = [*contents.programs, *(added for file in additional for added in read_programs(file))]
    signals = _signals(path, contents, choose_programs(programs, program), rules or TimingRules())
    return RoadNetwork(
        path=path,
        lanes=contents.lanes,
        upstream={lane: tuple(dict.fromkeys(feeders)) for lane, feeders in contents.upstream.items()},
        downstream={lane: tuple(dict.fromkeys(exits)) for lane, exits in contents.downstream.items()},
        signalled=frozenset(lane for signal in signals for lane in signal.incoming),
        exits={
            lane: frozenset(contents.lanes[exit_].edge for exit_ in signal.outgoing)
            for signal in signals
            for lane in signal.incoming
        },
        signals=tuple(signal for signal in signals if len(signal.phases) > 1),
    )


def read_programs(path: Path) -> list[Program]:
    """The programs of signals in an additional file.

    Raises:
        BrokenFileError: If the file is not XML, or a program is not complete.
    """
    try:
        return [read_program(element) for element in elements(path) if element.tag == "tlLogic"]
    except (KeyError, ValueError) as error:
        raise BrokenFileError(path, f"not a program of a signal: {error!r} in <tlLogic>.") from None


def _read(path: Path, contents: _Contents) -> None:
    try:
        for element in elements(path):
            if element.tag == "edge":
                _read_edge(element, contents)
            elif element.tag == "connection":
                _read_connection(element, contents)
            elif element.tag == "tlLogic":
                contents.programs.append(read_program(element))
    except (KeyError, ValueError) as error:
        raise BrokenFileError(path, f"not a SUMO network: {error!r} in <{element.tag}>") from None


def _read_edge(element: ElementTree.Element, contents: _Contents) -> None:
    function = element.get("function")
    if function == "crossing":
        contents.crossings.add(element.attrib["id"])
    if function in {"internal", "crossing", "walkingarea", "connector"}:
        return
    for lane in element.iter("lane"):
        name = lane.attrib["id"]
        contents.lanes[name] = Lane(
            name, element.attrib["id"], float(lane.attrib["length"]), float(lane.attrib["speed"])
        )


def _read_connection(element: ElementTree.Element, contents: _Contents) -> None:
    start, end = element.attrib["from"], element.attrib["to"]
    if contents.crossings & {start, end}:
        _read_walk(element, contents, start, end)
        return
    source, target = f"{start}_{element.attrib['fromLane']}", f"{end}_{element.attrib['toLane']}"
    if source not in contents.lanes or target not in contents.lanes:
        return
    turn = element.get("dir", "")
    if turn != TURNAROUND:
        contents.upstream[target].append(source)
        contents.downstream[source].append(target)
    if "tl" in element.attrib:
        contents.links[element.attrib["tl"]][int(element.attrib["linkIndex"])].append((source, target, turn))


def _read_walk(element: ElementTree.Element, contents: _Contents, start: str, end: str) -> None:
    """A connection between a walking area and a crossing."""
    crossing, area = (start, end) if start in contents.crossings else (end, start)
    contents.areas[crossing].append(area)
    if "tl" in element.attrib:
        _, links = contents.walk_links.setdefault(crossing, (element.attrib["tl"], []))
        links.append(int(element.attrib["linkIndex"]))


def _signals(
    path: Path, contents: _Contents, programs: dict[str, Program], rules: TimingRules
) -> list[Signal]:
    crossings: dict[str, list[Crossing]] = defaultdict(list)
    for edge, (name, links) in sorted(contents.walk_links.items(), key=lambda item: min(item[1][1])):
        areas = tuple(dict.fromkeys(contents.areas[edge]))
        crossings[name].append(Crossing(edge, areas, tuple(dict.fromkeys(links))))
    signals = []
    for name in sorted(programs):
        if not contents.links.get(name) and not crossings.get(name):
            continue
        try:
            signals.append(
                make_signal(programs[name], contents.links.get(name, {}), crossings.get(name, ()), rules)
            )
        except ValueError as error:
            raise BrokenFileError(path, f"{error}.") from None
    return signals


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
