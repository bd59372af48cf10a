"""Tables of plain text, laid out here where one column at most wraps: Rich takes four times as long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.table import Table

from sandbox.cli.show.console import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


MIN_WRAPPED = 20
"""Cells of the widest column from which it alone is wrapped; Rich decides what is done in narrower ones."""

LONGEST_UNWRAPPED = 44
"""Characters up to which a name in the first column stays in one piece."""


class PlainTable(Table):
    """A table whose cells are text without control characters; Rich lays it out where it does not fit."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """One row; absent cells are empty."""
        if len(str(cells[0])) > LONGEST_UNWRAPPED:  # else it takes the room of all other columns
            self.columns[0].no_wrap = False
        super().add_row(*(printable(cell) for cell in cells), **options)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The title, the head, a line and the rows."""
        columns = [[str(column.header), *map(str, column._cells)] for column in self.columns]
        widths = [max(map(cell_len, column)) for column in columns]
        total = sum(widths) + 3 * len(widths) - 1
        title = str(self.title or "")
        # Rich takes room from the widest column, and from the next only when both are equally wide.
        wrapped = [place for place, column in enumerate(self.columns) if place and not column.no_wrap]
        place = max(wrapped, key=widths.__getitem__, default=0)
        excess = max(0, total - options.max_width)
        total, widths[place] = total - excess, widths[place] - excess
        next_widest = max((widths[other] for other in wrapped if other != place), default=0)
        fits = not excess or widths[place] >= max(MIN_WRAPPED, next_widest)
        broken = any("\n" in cell or "  " in cell for column in columns for cell in column)
        if (
            broken
            or not fits
            or not self.show_header
            or not self.columns[0].no_wrap
            or options.ascii_only
            or cell_len(title) > total
        ):
            yield from super().__rich_console__(console, options)
            return
        bold = console.get_style("bold")
        yield Segment(_padded(title, total), bold)
        yield Segment.line()
        for index, cells in enumerate(zip(*columns, strict=True)):
            style = bold if index == 0 else console.get_style(self.rows[index - 1].style or "")
            for line in _wrapped(cells, place, widths[place]):
                text = "   ".join(_padded(cell, width) for cell, width in zip(line, widths, strict=True))
                yield Segment(f" {text} ", style)
                yield Segment.line()
            if index == 0 or self.rows[index - 1].end_section:
                yield Segment("─" * total)
                yield Segment.line()


def _wrapped(cells: Sequence[str], place: int, width: int) -> Iterator[Sequence[str]]:
    """The lines of a row whose cell at a place has this width."""
    if cell_len(cells[place]) <= width:
        yield cells
        return
    lines = [""]
    for word in cells[place].split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = joined
        if cell_len(lines[-1]) > width:  # a word that is longer than a line
            lines[-1:] = chop_cells(lines[-1], width)
    for number, line in enumerate(lines):
        others = [""] * len(cells) if number else [*cells]
        yield [*others[:place], line, *others[place + 1 :]]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
