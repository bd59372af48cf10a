"""Tables that a task adds to ``sandbox info``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InfoTable:
    """What a task made of the parameters and files of a scenario, for people.

    Attributes:
        title: One line above it.
        header: Name of each column.
        rows: Cells, as many in each row as the header has.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
