"""Tables that are laid out here look as Rich lays them out, at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from sandbox.cli.show.tables import table

ROWS = {
    "scenarios": [
        ("traffic/single-intersection", "one junction, two phases, " + "demand that rises " * 4),
        ("inventory/lost-sales-l4-p4", "lost sales"),
        ("chip/ibm01", "x" * 90),
        ("games/connect-four", "two words " + "y" * 70 + " and more"),
        ("wide", "横断歩道 " * 12),
    ],
    "algorithms": [("ppo", "on-policy", "policy and value, " * 6), ("sac", "off-policy", "continuous")],
    "a wide middle": [("ppo", "middle " * 12, "last"), ("sac", "short", "last")],
    "two spaces": [("a", "b  c " * 20)],
}


def printed(shown: Table, width: int, by_rich: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, legacy_windows=False)
    if by_rich:
        shown.__class__ = Table
    console.print(shown)
    return file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 300])
@pytest.mark.parametrize("name", ROWS)
def test_a_table_looks_as_rich_lays_it_out(name: str, width: int) -> None:
    rows = ROWS[name]
    ours, theirs = (table("Title", *["name", "kind", "what it is"][: len(rows[0])]) for _ in range(2))
    for shown in (ours, theirs):
        for row in rows:
            shown.add_row(*row)
    lines = [line.rstrip() for line in printed(ours, width, by_rich=False).splitlines()]
    assert lines == [line.rstrip() for line in printed(theirs, width, by_rich=True).splitlines()]
    assert max(map(len, lines)) <= width
