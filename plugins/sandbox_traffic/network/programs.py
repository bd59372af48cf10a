"""Programs of signals, as network and additional files define them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

DEFAULT_YELLOW = 3.0
"""Yellow where a program shows none, s: what netconvert writes for 50 km/h."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a program; SUMO calls it a phase.

    Attributes:
        state: What the links show.
        seconds: Its time in a program that is not actuated.
        min_seconds, max_seconds: Bounds of its time in an actuated program; None where there are none.
        followers: Steps that may follow, by number; empty for the next in order.
        name: In a NEMA program, the number of the ring phase.
        yellow, red: In a NEMA program, the clearance after the ring phase, s.
    """

    state: str
    seconds: float
    min_seconds: float | None = None
    max_seconds: float | None = None
    followers: tuple[int, ...] = ()
    name: str = ""
    yellow: float = DEFAULT_YELLOW
    red: float = 0.0

    @property
    def extendable(self) -> bool:
        """Whether an actuated program may make it longer or shorter."""
        low, high = self.min_seconds, self.max_seconds
        return low is not None and high is not None and low < high


@dataclass(frozen=True, slots=True)
class Program:
    """A program of a signal.

    Attributes:
        signal: SUMO's id of the signal.
        id: SUMO's ``programID``.
        kind: SUMO's type: ``static``, ``actuated``, ``delay_based``, ``NEMA`` or another.
        offset: Offset of a static program, s.
        steps: In order.
        parameters: SUMO's ``<param>`` elements.
    """

    signal: str
    id: str
    kind: str
    offset: float
    steps: tuple[Step, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)

    def followers(self, number: int) -> tuple[int, ...]:
        """Steps that may follow step ``number``, by number."""
        return self.steps[number].followers or ((number + 1) % len(self.steps),)

    def paths(self, number: int, ends: frozenset[int]) -> Iterator[tuple[tuple[int, ...], int]]:
        """Ways from step ``number`` to the first of ``ends``, as ``(steps between, end)``; no step twice."""
        stack: list[tuple[tuple[int, ...], int]] = [((), number)]
        while stack:
            between, current = stack.pop()
            for follower in reversed(self.followers(current)):
                if follower in ends:
                    yield between, follower
                elif follower not in between:
                    stack.append(((*between, follower), follower))


def read_program(element: Element) -> Program:
    """Read an element ``<tlLogic>``.

    Raises:
        KeyError, ValueError: If an attribute is missing or no number.
    """
    steps = tuple(_read_step(step) for step in element.iter("phase"))
    for step in steps:
        if any(not 0 <= follower < len(steps) for follower in step.followers):
            raise ValueError(f"next={step.followers} of {len(steps)} phases")
    if len({len(step.state) for step in steps}) > 1:
        raise ValueError(f"the states of signal {element.attrib['id']} differ in length")
    return Program(
        signal=element.attrib["id"],
        id=element.get("programID", "0"),
        kind=element.get("type", "static"),
        offset=float(element.get("offset", 0)),
        steps=steps,
        parameters={param.attrib["key"]: param.get("value", "") for param in element.iter("param")},
    )


def _read_step(element: Element) -> Step:
    def number(name: str) -> float | None:
        return float(element.attrib[name]) if name in element.attrib else None

    yellow, red = number("yellow"), number("red")
    seconds = next((value for value in map(number, ("duration", "minDur", "maxDur")) if value), None)
    return Step(
        state=element.attrib["state"],
        seconds=float(element.attrib["duration"]) if seconds is None else seconds,
        min_seconds=number("minDur"),
        max_seconds=number("maxDur"),
        followers=tuple(int(part) for part in element.get("next", "").split()),
        name=element.get("name", ""),
        yellow=DEFAULT_YELLOW if yellow is None else yellow,
        red=0.0 if red is None else red,
    )
