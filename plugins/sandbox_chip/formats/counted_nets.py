"""Nets as Bookshelf and GSRC files write them: ``NetDegree : 3``, then a line for each of three pins."""

from __future__ import annotations

from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.text import parse_int

NO_SOURCE = -1


def degree_and_name(words: list[str]) -> tuple[str, str]:
    """The number of pins and the name, empty if absent, of a line such as ``NetDegree : 3 n5``."""
    fields = [word for word in " ".join(words).replace(":", " ").split()[1:] if word]
    return (fields[0] if fields else ""), " ".join(fields[1:])


class CountedNets:
    """Adds nets to a netlist, and checks their pins against the numbers that the file announces.

    A net without pins joins nothing: it is counted and left out.

    Args:
        builder: The netlist in the making.
        path: The file that is read, for errors.

    Attributes:
        names: Name of each net that was added, empty where the file names none.
    """

    def __init__(self, builder: NetlistBuilder, path: Path) -> None:
        self.builder, self.path = builder, path
        self.names: list[str] = []
        self._announced: dict[str, int] = {}
        self._degree = self._missing = self._begun = self._empty = 0
        self._source = NO_SOURCE

    def announce(self, line: int, name: str, text: str) -> None:
        """Note a line such as ``NumNets : 5``."""
        self._announced[name] = parse_int(self.path, line, text, name)

    def begin(self, line: int, degree: str, name: str = "") -> None:
        """Begin a net.

        Raises:
            BrokenFileError: If the net before lacks pins, or the degree is not a number.
        """
        if self._missing:
            raise BrokenFileError(
                self.path,
                f"the net of line {self._begun} has {self._missing} pins fewer than its degree.",
                line,
            )
        self._missing = self._degree = parse_int(self.path, line, degree, "NetDegree")
        self._begun, self._source = line, NO_SOURCE
        if self._degree:
            self.names.append(name)
        else:
            self._empty += 1

    def require_open(self, line: int) -> None:
        """Check that there is a net which may have another pin.

        Raises:
            BrokenFileError: If no net has begun, or it has as many pins as its degree says.
        """
        if self._missing:
            return
        if not self._begun:
            raise BrokenFileError(self.path, "a pin comes before the first NetDegree.", line)
        raise BrokenFileError(
            self.path, f"the net of line {self._begun} has more pins than its degree.", line
        )

    def add_pin(self, node: int, dx: float, dy: float, *, drives: bool = False) -> None:
        """Add a pin of a node, offset from its centre; the first that ``drives`` is the net's source."""
        if drives and self._source == NO_SOURCE:
            self._source = self._degree - self._missing
        self.builder.net_pins.append(self.builder.add_pin(node, dx, dy))
        self._missing -= 1
        if not self._missing:
            self.builder.end_net(1.0, max(self._source, 0))

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises:
            BrokenFileError: If the last net lacks pins, or the numbers of nets and pins are not those
            announced.
        """
        if self._missing:
            raise BrokenFileError(
                self.path, f"the last net lacks {self._missing} pins: the file is truncated.", self._begun
            )
        nets = len(self.builder.net_weight)
        counts = {"NumNets": nets + self._empty, "NumPins": len(self.builder.net_pins)}
        for name, count in counts.items():
            if self._announced.get(name, count) != count:
                raise BrokenFileError(self.path, f"{name} is {self._announced[name]}, but there are {count}.")
        self.builder.note("nets", nets)
        if self._empty:
            self.builder.note("nets without a pin", self._empty, 0, "nothing to join")
