"""Tables that are laid out here look as Rich lays them out, at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from sandbox.cli.show.console import stdout
from sandbox.cli.show.tables import print_gap, table
from sandbox.records.evaluation import LimitRecord

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


@pytest.mark.parametrize("width", [48, 60, 80])
def test_a_column_that_stays_whole_leaves_the_wrapping_to_others(width: int) -> None:
    heads = ("agent", "IQM [95 % interval]", "against best baseline")
    rows = [("random", "1,439 [1,404, 1,496]", "+1,435 (+35,857 %) worse"), ("ppo", "4.00", "best baseline")]
    ours, theirs = (table("Title", *heads, whole=heads[1:2]) for _ in range(2))
    for shown in (ours, theirs):
        for row in rows:
            shown.add_row(*row)
    text = printed(ours, width, by_rich=False)
    assert "1,439 [1,404, 1,496]" in text
    assert max(map(len, text.splitlines())) <= width
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines == [line.rstrip() for line in printed(theirs, width, by_rich=True).splitlines()]


def test_the_gaps_from_an_optimum_of_zero_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_gap(stdout(), LimitRecord(kind="optimum", name="oracle", value=0.0))
    assert capsys.readouterr().out == "gap: none in percent, as the optimum, oracle, is 0.\n"


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
