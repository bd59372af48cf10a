"""Tables of plain text, laid out here where they fit: Rich takes four times as long for a long one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.table import Table

from sandbox.cli.show.console import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


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
        broken = any("\n" in cell for column in columns for cell in column)
        if (
            broken
            or not self.show_header
            or options.ascii_only
            or cell_len(title) > total
            or total > options.max_width
        ):
            yield from super().__rich_console__(console, options)
            return
        bold = console.get_style("bold")
        yield Segment(_padded(title, total), bold)
        yield Segment.line()
        for index, cells in enumerate(zip(*columns, strict=True)):
            line = "   ".join(_padded(cell, width) for cell, width in zip(cells, widths, strict=True))
            style = bold if index == 0 else console.get_style(self.rows[index - 1].style or "")
            yield Segment(f" {line} ", style)
            yield Segment.line()
            if index == 0 or self.rows[index - 1].end_section:
                yield Segment("─" * total)
                yield Segment.line()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
