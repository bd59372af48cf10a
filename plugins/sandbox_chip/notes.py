"""What became of each kind of thing that a design's files hold: read and used, or left out and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of thing in one file.

    Attributes:
        file: Name of the file.
        item: What it is, in the format's own word where it has one.
        count: How many the file holds.
        used: How many of them take part in a placement.
        reason: Why the others are left out, or what the used ones do.
    """

    file: str
    item: str
    count: int
    used: int
    reason: str = ""


class NoteBook:
    """Counts what a reader meets, kind by kind, in the order in which kinds first appear."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], list[int]] = {}

    def add(self, file: str, item: str, count: int = 1, used: int | None = None, reason: str = "") -> None:
        """Count ``count`` more of a kind, of which ``used`` take part: all of them if absent."""
        total = self._counts.setdefault((file, item, reason), [0, 0])
        total[0] += count
        total[1] += count if used is None else used

    def notes(self) -> tuple[Note, ...]:
        """All kinds, file by file."""
        files = list(dict.fromkeys(file for file, _, _ in self._counts))
        rows = sorted(self._counts.items(), key=lambda row: files.index(row[0][0]))
        return tuple(Note(file, item, count, used, reason) for (file, item, reason), (count, used) in rows)
