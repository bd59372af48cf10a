"""What the numbers of an observation are, in the domain's words and units."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObservationField:
    """One number of an observation, or some neighbouring numbers of the same kind.

    Args:
        name: What it is, in the domain's words, such as ``stock on hand``.
        unit: What an observed 1 stands for, such as ``10 m/s``, ``mean demand`` or ``rad``; ``1`` for a
            share, a probability, a flag.
        meaning: One sentence: how it is measured, its range where the space does not say it.
        entries: What each of several numbers belongs to: lanes, joints, items.
        shape: Of a grid or an image whose numbers have no names of their own; the number of entries, or
            a single number, if absent.
        part: Key of a Dict space; empty for any other.
    """

    name: str
    unit: str
    meaning: str
    entries: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    part: str = ""

    def __post_init__(self) -> None:
        if self.entries and self.shape and math.prod(self.shape) != len(self.entries):
            raise ValueError(
                f"the field '{self.name}' names {len(self.entries)} entries of {self.size} numbers"
            )

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return math.prod(self.shape) if self.shape else len(self.entries) or 1

    def numbers(self) -> Iterator[str]:
        """A name for each of its numbers, with the unit where that is not 1."""
        unit = "" if self.unit == "1" else f" ({self.unit})"
        if self.entries:
            yield from (f"{self.name}, {entry}{unit}" for entry in self.entries)
        elif self.size == 1:
            yield f"{self.name}{unit}"
        else:
            yield from (f"{self.name} {place + 1}{unit}" for place in range(self.size))
