"""Nets as Bookshelf and GSRC files write them: ``NetDegree : 3``, then a line for each of three pins."""

from __future__ import annotations

from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.text import parse_int


class CountedNets:
    """Adds nets to a netlist, and checks their pins against the numbers that the file announces.

    Args:
        builder: The netlist in the making.
        path: The file that is read, for errors.
    """

    def __init__(self, builder: NetlistBuilder, path: Path) -> None:
        self.builder, self.path = builder, path
        self._announced: dict[str, int] = {}
        self._degree = self._missing = self._source = 0
        self._begun = 0

    def announce(self, line: int, name: str, text: str) -> None:
        """Note a line such as ``NumNets : 5``."""
        self._announced[name] = parse_int(self.path, line, text, name)

    def begin(self, line: int, degree: str) -> None:
        """Begin a net.

        Raises:
            BrokenFileError: If the net before lacks pins, or the degree is not a positive number.
        """
        if self._missing:
            raise BrokenFileError(
                self.path,
                f"the net of line {self._begun} has {self._missing} pins fewer than its degree.",
                line,
            )
        self._missing = self._degree = parse_int(self.path, line, degree, "NetDegree", 1)
        self._begun, self._source = line, 0

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
        """Add a pin of a node, offset from its centre; ``drives`` if it is the net's source."""
        if drives and not self._source:
            self._source = self._degree - self._missing
        builder = self.builder
        builder.net_pins.append(builder.add_pin(node, dx, dy))
        self._missing -= 1
        if not self._missing:
            builder.end_net(1.0, self._source)

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
        counts = {"NumNets": len(self.builder.net_weight), "NumPins": len(self.builder.net_pins)}
        for name, count in counts.items():
            if self._announced.get(name, count) != count:
                raise BrokenFileError(self.path, f"{name} is {self._announced[name]}, but there are {count}.")
